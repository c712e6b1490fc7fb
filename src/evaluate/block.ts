import type { AddressInterval, AddressSet } from "../net/address-set.ts";
import { addressValue } from "../net/address.ts";
import type { PeerEnd } from "./likeness.ts";

/** A set of addresses for fast look-up: IPv4 as pairs of plain numbers, which cost a tenth of bigints. */
export interface Block {
  readonly v4: Float64Array;
  readonly v6: readonly AddressInterval[];
}

const blocksBySet = new WeakMap<AddressSet, Block>();

export function blockOf(set: AddressSet): Block {
  const known = blocksBySet.get(set);
  if (known !== undefined) return known;
  const block = { v4: Float64Array.from(set.v4.flatMap(({ low, high }) => [Number(low), Number(high)])), v6: set.v6 };
  blocksBySet.set(set, block);
  return block;
}

/** Whether it holds the address of an end. */
export function inBlock(block: Block, peer: PeerEnd): boolean {
  if (peer.v4 >= 0) return inPairs(block.v4, peer.v4);
  return peer.address !== null && inIntervals(block.v6, addressValue(peer.address));
}

/** Binary search in ascending, disjoint intervals, each its two ends. */
function inPairs(pairs: Float64Array, value: number): boolean {
  let low = 0;
  let high = pairs.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (value < (pairs[2 * middle] ?? 0)) high = middle - 1;
    else if (value > (pairs[2 * middle + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}

/** The same in intervals of bigints. */
function inIntervals(intervals: readonly AddressInterval[], value: bigint): boolean {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const interval = intervals[middle];
    if (interval === undefined || value < interval.low) high = middle - 1;
    else if (value > interval.high) low = middle + 1;
    else return true;
  }
  return false;
}
