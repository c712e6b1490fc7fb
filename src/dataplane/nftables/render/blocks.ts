import type { AddressInterval } from "../../../net/address-set.ts";

/** The ipBlocks of one rule of a policy, and the counter that it counts on. */
export interface CountedBlocks {
  readonly counter: string;
  /** Ascending, disjoint. */
  readonly intervals: readonly AddressInterval[];
}

export interface CountedInterval {
  readonly low: bigint;
  readonly high: bigint;
  readonly counter: string;
}

interface Edge {
  readonly at: bigint;
  readonly rank: number;
  readonly opens: boolean;
}

/**
 * All blocks as disjoint ascending intervals, each with the counter of the first in the list that covers it; equal
 * neighbours are one. A sweep over the ends: n log n for few rules, the number of rules that overlap at one address
 * is what it costs more.
 */
export function mergeBlocks(blocks: readonly CountedBlocks[]): readonly CountedInterval[] {
  const edges = blocks.flatMap(({ intervals }, rank): Edge[] =>
    intervals.flatMap(({ low, high }) => [
      { at: low, rank, opens: true },
      { at: high + 1n, rank, opens: false },
    ]),
  );
  edges.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const pieces: CountedInterval[] = [];
  const active = new Set<number>();
  let from = 0n;
  for (const { at, rank, opens } of edges) {
    if (at > from && active.size > 0) addPiece(pieces, from, at - 1n, counterAt(blocks, active));
    from = at;
    if (opens) active.add(rank);
    else active.delete(rank);
  }
  return pieces;
}

function counterAt(blocks: readonly CountedBlocks[], active: ReadonlySet<number>): string {
  let first = blocks.length;
  for (const rank of active) first = Math.min(first, rank);
  const block = blocks[first];
  if (block === undefined) throw new Error("an interval that no block covers");
  return block.counter;
}

function addPiece(pieces: CountedInterval[], low: bigint, high: bigint, counter: string): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.counter === counter && last.high + 1n === low) {
    pieces[pieces.length - 1] = { low: last.low, high, counter };
  } else {
    pieces.push({ low, high, counter });
  }
}
