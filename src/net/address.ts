import type { AddressReading } from "./address-text.ts";
import { formatDotted, formatGroups, mappedValue, parseDotted, parseGroups } from "./address-text.ts";

/**
 * An IP address as canonical text, always printed from a parsed number: RFC 5952 for IPv6, dotted decimal for
 * IPv4. Two addresses are equal exactly if their texts are equal, so it serves as a key of maps and sets.
 */
export type Address = string & { readonly brand: "Address" };

export type Family = 4 | 6;

/** How many bits an address of the family has. */
export function familyBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The longest text that any of our readers looks at; nothing longer is an address, however many zeros it has. */
const longestText = 256;

function parse(text: string, reading: AddressReading): Address | null {
  if (text.length > longestText) return null;
  if (!text.includes(":")) {
    const value = parseDotted(text, reading);
    return value < 0 ? null : (formatDotted(value) as Address);
  }
  const groups = parseGroups(text, reading);
  if (groups === null) return null;
  const mapped = mappedValue(groups);
  return (mapped < 0 ? formatGroups(groups) : formatDotted(mapped)) as Address;
}

/** Reads an address of our own input (flags, queries): no leading zeros, no zone. IPv4-mapped IPv6 is that IPv4 address. */
export function parseAddress(text: string): Address | null {
  return parse(text, "strict");
}

/** Reads an address of an API object as Kubernetes does: leading zeros are decimal, IPv4-mapped IPv6 is that IPv4 address. */
export function parseApiAddress(text: string): Address | null {
  return parse(text, "lenient");
}

export function familyOf(address: Address): Family {
  return address.includes(":") ? 6 : 4;
}

/** The address as a number: 0 to 2^32-1 or 2^128-1. */
export function addressValue(address: Address): bigint {
  if (familyOf(address) === 4) return BigInt(parseDotted(address, "strict"));
  let value = 0n;
  for (const group of groupsOf(address)) value = (value << 16n) | BigInt(group);
  return value;
}

function groupsOf(address: Address): readonly number[] {
  const groups = parseGroups(address, "strict");
  if (groups === null) throw new Error(`not an address: ${JSON.stringify(address)}`);
  return groups;
}

/** The groups of a 128-bit number. */
export function groupsOfValue(value: bigint): readonly number[] {
  return Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
}

/** The address with this number; throws where the family has no such number. An IPv4-mapped IPv6 number gives IPv4. */
export function addressFromValue(family: Family, value: bigint): Address {
  if (value < 0n || value >> BigInt(familyBits(family)) !== 0n) {
    throw new RangeError(`no IPv${family} address has the number ${value}`);
  }
  if (family === 4) return formatDotted(Number(value)) as Address;
  const groups = groupsOfValue(value);
  const mapped = mappedValue(groups);
  return (mapped < 0 ? formatGroups(groups) : formatDotted(mapped)) as Address;
}

/** Network byte order; 4 or 16 bytes. */
export function addressBytes(address: Address): Uint8Array {
  if (familyOf(address) === 4) {
    const value = parseDotted(address, "strict");
    return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }
  const bytes = new Uint8Array(16);
  groupsOf(address).forEach((group, index) => {
    bytes[2 * index] = group >>> 8;
    bytes[2 * index + 1] = group & 255;
  });
  return bytes;
}

/** Order by family (IPv4 first), then by number. */
export function compareAddresses(a: Address, b: Address): number {
  if (a === b) return 0;
  const family = familyOf(a);
  if (family !== familyOf(b)) return family === 4 ? -1 : 1;
  return addressValue(a) < addressValue(b) ? -1 : 1;
}
