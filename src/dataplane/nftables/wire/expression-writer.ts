import type { MessageWriter } from "../../../system/netlink/message.ts";
import { Compare } from "./numbers.ts";

const LIST_ELEMENT = 1;

/** Writes one expression of a rule: its name and what it says. */
export function expression(writer: MessageWriter, name: string, body: () => void): void {
  const element = writer.beginNest(LIST_ELEMENT);
  writer.string(1, name);
  const data = writer.beginNest(2);
  body();
  writer.endNest(data);
  writer.endNest(element);
}

/** Writes a nested attribute. */
export function nested(writer: MessageWriter, type: number, body: () => void): void {
  const start = writer.beginNest(type);
  body();
  writer.endNest(start);
}

/** Loads a field of the connection; `direction` 0 original, 1 reply, null where the field has none. */
export function loadCt(writer: MessageWriter, key: number, register: number, direction: number | null): void {
  expression(writer, "ct", () => {
    writer.u32(2, key);
    writer.u32(1, register);
    if (direction !== null) writer.u8(3, direction);
  });
}

/** Loads what the kernel knows about the packet into register 1. */
export function loadMeta(writer: MessageWriter, key: number): void {
  expression(writer, "meta", () => {
    writer.u32(2, key);
    writer.u32(1, 1);
  });
}

/** Loads bytes of the packet. */
export function loadPayload(writer: MessageWriter, base: number, offset: number, size: number, register: number): void {
  expression(writer, "payload", () => {
    writer.u32(1, register);
    writer.u32(2, base);
    writer.u32(3, offset);
    writer.u32(4, size);
  });
}

/** Register 1 = register 1 & mask ^ xor. */
export function mask(writer: MessageWriter, size: 1 | 4, bits: number, xor: number): void {
  const value = (type: number, number: number): void =>
    nested(writer, type, () => (size === 1 ? writer.u8(1, number) : writer.u32Host(1, number)));
  expression(writer, "bitwise", () => {
    writer.u32(1, 1);
    writer.u32(2, 1);
    writer.u32(3, size);
    value(4, bits);
    value(5, xor);
  });
}

/** Ends the rule unless register 1 compares so with the value. */
export function compare(writer: MessageWriter, operator: number, value: (type: number) => void): void {
  expression(writer, "cmp", () => {
    writer.u32(1, 1);
    writer.u32(2, operator);
    nested(writer, 3, () => value(1));
  });
}

/** `compare` with one byte. */
export const equalByte = (writer: MessageWriter, value: number): void =>
  compare(writer, Compare.equal, (type) => writer.u8(type, value));
/** `compare` with a number in host order. */
export const compareHost = (writer: MessageWriter, operator: number, value: number): void =>
  compare(writer, operator, (type) => writer.u32Host(type, value));
