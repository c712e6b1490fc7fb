import type { ChainClause } from "../../../ir/ruleset.ts";
import type { ChainContext, RuleList } from "./clause-rules.ts";
import { Parts } from "./part.ts";

/** A piece of addresses, and the clause that has it. */
export interface ClausePiece {
  readonly low: bigint;
  readonly high: bigint;
  readonly clause: ChainClause;
}

/**
 * What is made of the clauses of one tier that are for every port, while its lists are planned: each list of a class
 * of ports holds all of them, in order, so a stretch of them is known by its ends, and made once for all lists.
 */
export interface SharedStretches {
  /** What the rules need that `rules` gave. */
  readonly parts: Parts;
  rules(
    context: ChainContext,
    clauses: readonly ChainClause[],
    make: (context: ChainContext, clauses: readonly ChainClause[]) => RuleList,
  ): RuleList;
  pieces(
    clauses: readonly ChainClause[],
    make: (clauses: readonly ChainClause[]) => readonly ClausePiece[],
  ): readonly ClausePiece[];
}

export function createSharedStretches(): SharedStretches {
  const parts = new Parts();
  const rules = new ByStretch<RuleList>();
  const pieces = new ByStretch<readonly ClausePiece[]>();
  return {
    parts,
    rules: (context, clauses, make) => rules.get(clauses, () => make({ ...context, parts }, clauses)),
    pieces: (clauses, make) => pieces.get(clauses, () => make(clauses)),
  };
}

interface Made<T> {
  readonly length: number;
  readonly value: T;
}

class ByStretch<T> {
  readonly #made = new Map<ChainClause, Map<ChainClause, Made<T>>>();

  get(clauses: readonly ChainClause[], make: () => T): T {
    const [first, last] = [clauses[0], clauses.at(-1)];
    if (first === undefined || last === undefined) return make();
    const byLast = this.#made.get(first) ?? new Map<ChainClause, Made<T>>();
    this.#made.set(first, byLast);
    const known = byLast.get(last);
    if (known !== undefined) {
      if (known.length !== clauses.length) throw new Error("two stretches of one tier have the same ends");
      return known.value;
    }
    const value = make();
    byLast.set(last, { length: clauses.length, value });
    return value;
  }
}
