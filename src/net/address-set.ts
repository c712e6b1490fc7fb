import type { Address, Family } from "./address.ts";
import { addressFromValue, addressValue, familyBits, familyOf } from "./address.ts";
import type { Cidr } from "./cidr.ts";
import { cidrRange } from "./cidr.ts";
import type { Line } from "./intervals.ts";
import { canonical, contains, difference, equal, intersection, union } from "./intervals.ts";

/** An inclusive range of addresses of one family, as numbers. */
export interface AddressInterval {
  readonly low: bigint;
  readonly high: bigint;
}

/** A set of addresses of both families: ascending intervals, disjoint, never adjacent. */
export interface AddressSet {
  readonly v4: readonly AddressInterval[];
  readonly v6: readonly AddressInterval[];
}

const line: Line<bigint, AddressInterval> = {
  low: (interval) => interval.low,
  high: (interval) => interval.high,
  interval: (low, high) => ({ low, high }),
  after: (value) => value + 1n,
  before: (value) => value - 1n,
};

export const emptyAddresses: AddressSet = { v4: [], v6: [] };
export const everyAddress: AddressSet = {
  v4: [{ low: 0n, high: (1n << 32n) - 1n }],
  v6: [{ low: 0n, high: (1n << 128n) - 1n }],
};

/** The addresses of all blocks. */
export function addressSetOf(cidrs: readonly Cidr[]): AddressSet {
  const ranges = (family: Family): AddressInterval[] =>
    cidrs
      .filter((cidr) => cidr.family === family)
      .map((cidr) => ({ low: cidrRange(cidr).low, high: cidrRange(cidr).high }));
  return { v4: canonical(line, ranges(4)), v6: canonical(line, ranges(6)) };
}

export function unionAddresses(a: AddressSet, b: AddressSet): AddressSet {
  return { v4: union(line, a.v4, b.v4), v6: union(line, a.v6, b.v6) };
}

export function intersectAddresses(a: AddressSet, b: AddressSet): AddressSet {
  return { v4: intersection(line, a.v4, b.v4), v6: intersection(line, a.v6, b.v6) };
}

/** The addresses of a that are not in b. */
export function subtractAddresses(a: AddressSet, b: AddressSet): AddressSet {
  return { v4: difference(line, a.v4, b.v4), v6: difference(line, a.v6, b.v6) };
}

export function equalAddresses(a: AddressSet, b: AddressSet): boolean {
  return equal(line, a.v4, b.v4) && equal(line, a.v6, b.v6);
}

export function isEmptyAddresses(set: AddressSet): boolean {
  return set.v4.length === 0 && set.v6.length === 0;
}

export function addressSetContains(set: AddressSet, address: Address): boolean {
  return contains(line, familyOf(address) === 4 ? set.v4 : set.v6, addressValue(address));
}

/** The widest block that starts at `low` and does not reach past `high`: its host bits. */
function widestHostBits(family: Family, low: bigint, high: bigint): bigint {
  const size = high - low + 1n;
  let hostBits = BigInt(size.toString(2).length - 1);
  if (low !== 0n) {
    const alignment = BigInt((low & -low).toString(2).length - 1);
    if (alignment < hostBits) hostBits = alignment;
  }
  const most = BigInt(familyBits(family));
  return hostBits < most ? hostBits : most;
}

function intervalToCidrs(family: Family, interval: AddressInterval): Cidr[] {
  const cidrs: Cidr[] = [];
  let low = interval.low;
  while (low <= interval.high) {
    const hostBits = widestHostBits(family, low, interval.high);
    cidrs.push({ family, base: low, bits: familyBits(family) - Number(hostBits) });
    low += 1n << hostBits;
  }
  return cidrs;
}

/** The fewest blocks that make up the set, IPv4 first, ascending. */
export function addressSetToCidrs(set: AddressSet): readonly Cidr[] {
  return [
    ...set.v4.flatMap((interval) => intervalToCidrs(4, interval)),
    ...set.v6.flatMap((interval) => intervalToCidrs(6, interval)),
  ];
}

/** `10.0.0.1` or `10.0.0.1-10.0.0.9`. */
export function formatAddressRange(family: Family, interval: AddressInterval): string {
  const low = addressFromValue(family, interval.low);
  return interval.low === interval.high ? low : `${low}-${addressFromValue(family, interval.high)}`;
}
