import type { Address, Family } from "./address.ts";
import { addressValue, familyBits, familyOf, groupsOfValue } from "./address.ts";
import type { AddressReading } from "./address-text.ts";
import { formatDotted, formatGroups, parseDotted, parseGroups } from "./address-text.ts";

/** An address block in canonical form: bits after the prefix are zero. */
export interface Cidr {
  readonly family: Family;
  /** The first address as a number. */
  readonly base: bigint;
  /** Prefix length, 0-32 or 0-128. */
  readonly bits: number;
}

const longestText = 256;
const mappedPrefix = 0xffffn << 32n;

function parsePrefix(text: string, reading: AddressReading): number {
  if (!/^[0-9]+$/.test(text)) return -1;
  if (reading === "strict" && text.length > 1 && text.startsWith("0")) return -1;
  return Number(text);
}

function parseBase(text: string, reading: AddressReading): { family: Family; value: bigint } | null {
  if (!text.includes(":")) {
    const value = parseDotted(text, reading);
    return value < 0 ? null : { family: 4, value: BigInt(value) };
  }
  const groups = parseGroups(text, reading);
  if (groups === null) return null;
  return { family: 6, value: groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n) };
}

/** The block of `bits` leading bits around an address; host bits are cut off. */
export function cidrAround(family: Family, value: bigint, bits: number): Cidr {
  const hostBits = BigInt(familyBits(family) - bits);
  const base = (value >> hostBits) << hostBits;
  // A block inside ::ffff:0:0/96 holds IPv4 addresses (Go's IPNet.Contains says so too); a wider one is IPv6.
  if (family === 6 && bits >= 96 && base >> 32n === 0xffffn) {
    return { family: 4, base: base - mappedPrefix, bits: bits - 96 };
  }
  return { family, base, bits };
}

/** The block of one address. */
export function hostCidr(address: Address): Cidr {
  const family = familyOf(address);
  return { family, base: addressValue(address), bits: familyBits(family) };
}

interface Parsed {
  readonly cidr: Cidr;
  readonly hostBits: boolean;
  /** The address is one of ::ffff:0:0/96. */
  readonly mapped: boolean;
}

function parse(text: string, reading: AddressReading): Parsed | null {
  if (text.length > longestText) return null;
  const slash = text.indexOf("/");
  if (slash < 0) return null;
  const start = parseBase(text.slice(0, slash), reading);
  const bits = parsePrefix(text.slice(slash + 1), reading);
  if (start === null || bits < 0 || bits > familyBits(start.family)) return null;
  const shift = BigInt(familyBits(start.family) - bits);
  return {
    cidr: cidrAround(start.family, start.value, bits),
    hostBits: (start.value >> shift) << shift !== start.value,
    mapped: start.family === 6 && start.value >> 32n === 0xffffn,
  };
}

/** Reads a block of our own input: no leading zeros, no bits set after the prefix. */
export function parseCidr(text: string): Cidr | null {
  const parsed = parse(text, "strict");
  return parsed === null || parsed.hostBits ? null : parsed.cidr;
}

/** Reads a block of an API object as Kubernetes does: leading zeros are decimal, bits after the prefix are cut off. */
export function parseApiCidr(text: string): Cidr | null {
  return parse(text, "lenient")?.cidr ?? null;
}

/**
 * Reads a block as `isCIDR` of CEL in API servers does (Go's netip.ParsePrefix): no leading zeros, bits after the prefix
 * are cut off, and no IPv6 form of an IPv4 address.
 */
export function parseCelCidr(text: string): Cidr | null {
  const parsed = parse(text, "strict");
  return parsed === null || parsed.mapped ? null : parsed.cidr;
}

/** `10.0.0.0/8`, `fd00::/8`. */
export function formatCidr(cidr: Cidr): string {
  const base = cidr.family === 4 ? formatDotted(Number(cidr.base)) : formatGroups(groupsOfValue(cidr.base));
  return `${base}/${cidr.bits}`;
}

/** First and last address of a block as numbers. */
export function cidrRange(cidr: Cidr): { readonly family: Family; readonly low: bigint; readonly high: bigint } {
  const size = 1n << BigInt(familyBits(cidr.family) - cidr.bits);
  return { family: cidr.family, low: cidr.base, high: cidr.base + size - 1n };
}

export function cidrContains(cidr: Cidr, address: Address): boolean {
  if (familyOf(address) !== cidr.family) return false;
  const hostBits = BigInt(familyBits(cidr.family) - cidr.bits);
  return addressValue(address) >> hostBits === cidr.base >> hostBits;
}

/** Whether every address of `inner` is in `outer`; a block is inside itself. */
export function cidrInside(inner: Cidr, outer: Cidr): boolean {
  if (inner.family !== outer.family || inner.bits < outer.bits) return false;
  const hostBits = BigInt(familyBits(outer.family) - outer.bits);
  return inner.base >> hostBits === outer.base >> hostBits;
}

/** Order by family, base, then the wider block first. */
export function compareCidrs(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.bits - b.bits;
}
