import type { Statement, Verdict } from "./statement.ts";

/** Everything in our table, as data: what `render` prints and what the mirror of the kernel holds. */
export interface Program {
  readonly table: string;
  readonly chains: ReadonlyMap<string, ProgramChain>;
  readonly sets: ReadonlyMap<string, ProgramSet>;
  readonly counters: ReadonlyMap<string, ProgramCounter>;
}

export interface ProgramChain {
  readonly name: string;
  /** Base chains hang on a hook, policy always accept. */
  readonly hook: "prerouting" | "forward" | "input" | "output" | "postrouting" | null;
  /** Of a base chain; absent: 0, which is nft's `filter`. */
  readonly priority?: number;
  readonly rules: readonly Rule[];
}

export interface Rule {
  readonly statements: readonly Statement[];
  /** At most 128 bytes, no control characters, no quotes. */
  readonly comment: string | null;
}

/** A `mark` is written as eight hexadecimal digits, `0x00010000`. */
export type KeyType = "ipv4_addr" | "ipv6_addr" | "inet_service" | "icmpv6_type" | "mark";

export interface ProgramSet {
  readonly name: string;
  /** Concatenated if more than one. */
  readonly key: readonly KeyType[];
  /** What an element carries: nothing (a set), a verdict, or the name of a counter. */
  readonly data: "none" | "verdict" | "counter";
  /** Intervals (one key field only): elements are CIDRs, ranges or single values, disjoint and not adjacent. */
  readonly interval: boolean;
  /** `size N`: the most elements there can be, and the number of hash buckets; null lets the table grow. */
  readonly size: number | null;
  /**
   * `flags dynamic,timeout`: packets fill it, and an element goes so many seconds after it was last met. What is in it
   * is the kernel's own business: it is never written, read back or compared.
   */
  readonly lifetime?: number;
  /**
   * `flags timeout`: each element has its own time and goes when it is over. They are what the agent learned, and not
   * the program's: never compared, repaired or read with it (learned-names.ts).
   */
  readonly learned?: true;
  readonly comment: string | null;
  readonly elements: ReadonlyMap<ElementKey, ElementData>;
}

/**
 * An element's key as text: fields joined by ` . `; an interval is `LOW-HIGH` (inclusive, also where nft would
 * print a prefix), a single value is itself.
 */
export type ElementKey = string;

/** Null in a set; the counter's name or the verdict in a map. */
export type ElementData = null | string | Verdict;

export interface ProgramCounter {
  readonly name: string;
  readonly comment: string | null;
}
