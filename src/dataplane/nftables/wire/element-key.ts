import { formatDotted, formatGroups, parseDotted, parseGroups } from "../../../net/address-text.ts";
import type { KeyType } from "../program.ts";
import { keyTypes } from "./numbers.ts";

/** Bytes of a key of these fields as registers hold it: each field of a concatenation fills whole words. */
export function keySize(key: readonly KeyType[]): number {
  const [only] = key;
  if (key.length === 1 && only !== undefined) return keyTypes[only].size;
  return key.reduce((sum, type) => sum + ((keyTypes[type].size + 3) & ~3), 0);
}

function malformed(type: string, text: string): Error {
  return new Error(`not a key of type ${type}: ${JSON.stringify(text.slice(0, 80))}`);
}

function writeNumber(type: KeyType, text: string, most: number, buffer: Buffer, at: number): void {
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < 0 || value > most) throw malformed(type, text);
  if (type === "mark") buffer.writeUInt32LE(value, at);
  else if (type === "inet_service") buffer.writeUInt16BE(value, at);
  else buffer[at] = value;
}

/** Writes one field; throws where the text is none of its type. */
export function writeField(type: KeyType, text: string, buffer: Buffer, at: number): void {
  switch (type) {
    case "ipv4_addr": {
      const value = parseDotted(text, "strict");
      if (value < 0) throw malformed(type, text);
      buffer.writeUInt32BE(value, at);
      return;
    }
    case "ipv6_addr": {
      const groups = parseGroups(text, "strict");
      if (groups === null) throw malformed(type, text);
      for (let index = 0; index < 8; index += 1) buffer.writeUInt16BE(groups[index] ?? 0, at + 2 * index);
      return;
    }
    case "inet_service":
      writeNumber(type, text, 0xffff, buffer, at);
      return;
    case "icmpv6_type":
      writeNumber(type, text, 0xff, buffer, at);
      return;
    case "mark":
      writeNumber(type, text, 0xffffffff, buffer, at);
      return;
    default:
      throw new Error(`no such type of key: ${String(type satisfies never)}`);
  }
}

/** Writes the fields of `A . B`, or the only one. */
export function writeKey(key: readonly KeyType[], text: string, buffer: Buffer, at: number): void {
  const [only] = key;
  if (key.length === 1 && only !== undefined) {
    writeField(only, text, buffer, at);
    return;
  }
  const fields = text.split(" . ");
  if (fields.length !== key.length) throw malformed(key.join(" . "), text);
  let offset = at;
  key.forEach((type, index) => {
    const padded = (keyTypes[type].size + 3) & ~3;
    buffer.fill(0, offset, offset + padded);
    writeField(type, fields[index] ?? "", buffer, offset);
    offset += padded;
  });
}

/** The text of one field, canonical as in `net/address.ts`. */
export function readField(type: KeyType, buffer: Buffer, at: number): string {
  switch (type) {
    case "ipv4_addr":
      return formatDotted(buffer.readUInt32BE(at));
    case "ipv6_addr":
      return formatGroups(Array.from({ length: 8 }, (_, index) => buffer.readUInt16BE(at + 2 * index)));
    case "inet_service":
      return String(buffer.readUInt16BE(at));
    case "icmpv6_type":
      return String(buffer[at] ?? 0);
    case "mark":
      return markText(buffer.readUInt32LE(at));
    default:
      throw new Error(`no such type of key: ${String(type satisfies never)}`);
  }
}

export function markText(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

export function readKey(key: readonly KeyType[], buffer: Buffer, at: number): string {
  let text = "";
  let offset = at;
  for (const type of key) {
    text += text === "" ? readField(type, buffer, offset) : ` . ${readField(type, buffer, offset)}`;
    offset += (keyTypes[type].size + 3) & ~3;
  }
  return text;
}

/** Adds one to a field that stands in network order; false if it was the last value there is. */
export function increment(buffer: Buffer, at: number, size: number): boolean {
  for (let index = at + size - 1; index >= at; index -= 1) {
    const value = buffer[index] ?? 0;
    buffer[index] = (value + 1) & 0xff;
    if (value !== 0xff) return true;
  }
  return false;
}

/** Takes one from a field that stands in network order. */
export function decrement(buffer: Buffer, at: number, size: number): void {
  for (let index = at + size - 1; index >= at; index -= 1) {
    const value = buffer[index] ?? 0;
    buffer[index] = (value - 1) & 0xff;
    if (value !== 0) return;
  }
}
