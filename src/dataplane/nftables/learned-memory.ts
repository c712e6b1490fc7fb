import type { LearnedName } from "../dataplane.ts";
import { type KnownSets, renewing } from "./learned-names.ts";
import type { ElementKey, ProgramSet } from "./program.ts";
import type { Operation, Step } from "./step.ts";

/**
 * What was brought into the kernel's sets of learned addresses, for when somebody takes these away: a table that comes
 * back without it would cut the open connections to names before the agent has told it all again.
 */
export interface LearnedMemory {
  /** `known`: which sets there are; null: others may be about to be made. */
  note(entries: readonly LearnedName[], known: KnownSets): void;
  /** Steps with what belongs into the sets that they make, in the same transaction. */
  fill(steps: readonly Step[]): readonly Step[];
  /** Other sets are gone, and come back empty. */
  retain(sets: ReadonlyMap<string, ProgramSet>): void;
}

/** Of one set. The kernel's have room for 96 more: its clock and ours are not the same to the millisecond. */
const mostRestored = 4000;
/** With more than this of one set it is looked which are over. */
const mostKept = 8192;

/** `now`: milliseconds of a clock that never goes back. */
export function createLearnedMemory(now: () => number): LearnedMemory {
  const ends = new Map<string, Map<ElementKey, number>>();
  const timesLeft = (name: string): ReadonlyMap<ElementKey, number> => {
    const at = now();
    const left = [...(ends.get(name) ?? [])].map(([key, end]) => [key, (end - at) / 1000] as const);
    return new Map(left.filter(([, seconds]) => seconds > 0).slice(-mostRestored));
  };
  const noteOne = ({ set, seconds }: Extract<Operation, { kind: "renew-elements" }>): void => {
    const at = now();
    const own = ends.get(set.name) ?? new Map<ElementKey, number>();
    ends.set(set.name, own);
    for (const [key, left] of seconds) own.set(key, at + 1000 * left);
    if (own.size <= mostKept) return;
    for (const [key, end] of own) if (end <= at) own.delete(key);
  };
  const fillingOf = (operation: Operation): readonly Operation[] => {
    if (operation.kind !== "add-set" || operation.set.learned !== true) return [];
    const seconds = timesLeft(operation.set.name);
    return seconds.size === 0 ? [] : [{ kind: "renew-elements", set: operation.set, seconds }];
  };
  return {
    note: (entries, known) => {
      for (const operation of renewing(entries, known)) noteOne(operation);
    },
    fill: (steps) => steps.map(({ operations }) => ({ operations: [...operations, ...operations.flatMap(fillingOf)] })),
    retain: (sets) => {
      for (const name of ends.keys()) if (!sets.has(name)) ends.delete(name);
    },
  };
}
