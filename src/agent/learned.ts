import type { LearnedAddress } from "../compile/incremental.ts";
import type { Address } from "../net/address.ts";

/** Since when no pod of this node holds an address, in milliseconds of the wall clock; null: one holds it. */
export type LearnedSince = ReadonlyMap<Address, number | null>;

/**
 * The addresses that pods of this node held where no range tells which are its pods' (semantics, 10): they must be
 * known from the moment their pod is gone until another pod has them, but not for ever.
 */
export interface Learned {
  readonly entries: () => LearnedSince;
  /** Takes over what the compiler knows now. */
  follow(known: readonly LearnedAddress[]): void;
  /** Addresses that are to be forgotten. */
  over(): readonly Address[];
  /** Milliseconds until there are some; Infinity: none waits. */
  overIn(): number;
}

/**
 * So long an address stays shut after its pod. A network gives an address that has become free to the next pod within
 * minutes, and that pod is known some seconds later; a cloud may give it to a machine, which must not be cut off for
 * longer than somebody who looks for the cause needs.
 */
export const learnedFor = 10 * 60_000;

/** More addresses without a pod are not kept: the ones that have been without for longest go. */
export const mostLearned = 4096;

/** `kept`: what an earlier agent has written down. */
export function createLearned(now: () => number, kept: LearnedSince): Learned {
  let entries = new Map(kept);
  // Where the clock was set back, their time begins anew: it would end too late, but not for ever.
  const left = () =>
    [...entries].flatMap(([address, since]) => (since === null ? [] : [{ address, since: Math.min(since, now()) }]));
  const ageOf = (since: number): number => now() - since;
  return {
    entries: () => entries,
    follow: (known) => {
      if (known.length === 0 && entries.size === 0) return;
      const since = (address: Address) => Math.min(entries.get(address) ?? now(), now());
      entries = new Map(known.map(({ address, held }) => [address, held ? null : since(address)]));
    },
    over: () => {
      const oldestFirst = left().sort((a, b) => a.since - b.since);
      const tooMany = oldestFirst.length - mostLearned;
      return oldestFirst
        .filter(({ since }, index) => index < tooMany || ageOf(since) >= learnedFor)
        .map(({ address }) => address);
    },
    overIn: () => {
      const waiting = left();
      if (waiting.length > mostLearned) return 0;
      return waiting.reduce((least, { since }) => Math.min(least, Math.max(0, learnedFor - ageOf(since))), Infinity);
    },
  };
}
