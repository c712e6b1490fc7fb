import type { Direction, PolicyId } from "../../../policy/policy.ts";
import type { ChainName, DomainSetName, GroupName, PairSetName } from "../../../ir/ruleset.ts";
import type { ProgramChain, ProgramCounter, ProgramSet } from "../program.ts";
import type { LearnedFor } from "./domain-lookups.ts";

/** Whose members fill a set: the IR's groups and pair sets. Their names never meet (`g-…`, `n-…`). */
export type MembersName = GroupName | PairSetName;

/** Names an object of our table; chains, sets and counters are apart in nftables, so they are here. */
export type PartId = `chain ${string}` | `set ${string}` | `counter ${string}`;

/** What a counter counts. */
export type CounterSource =
  | {
      readonly kind: "rule";
      readonly policy: PolicyId;
      readonly direction: Direction;
      readonly rule: number;
    }
  /** `chain` denied. */
  | { readonly kind: "drop"; readonly chain: ChainName; readonly direction: Direction }
  /** What was decided otherwise than `chain`, with its policies in audit, would have: as `verdict` says. */
  | {
      readonly kind: "audit";
      readonly chain: ChainName;
      readonly direction: Direction;
      readonly verdict: "accept" | "deny";
      readonly policies: readonly PolicyId[];
    }
  /** What a rule decided where nothing followed from it. */
  | { readonly kind: "audit-rule" };

/** One object of our table with what it refers to: it must stay while they are used, and they while it is. */
export interface Part {
  readonly id: PartId;
  readonly uses: readonly PartId[];
  readonly object: PartObject;
  /** Of an endpoint chain: where its endpoints go on below a tier that they share with others. */
  readonly below?: Below;
}

/** The map that leads from the addresses of endpoints to the chain that stands below their tier. */
export interface Below {
  readonly map: string;
  readonly chain: string;
}

export type PartObject =
  | { readonly kind: "chain"; readonly chain: ProgramChain }
  /** What was learned of names. `set` comes without elements, and stays so: they are the kernel's. */
  | {
      readonly kind: "learned";
      readonly set: ProgramSet;
      readonly of: DomainSetName;
      readonly family: 4 | 6;
      readonly role: LearnedFor;
    }
  /** Immutable: named by its content. But for those of the names' chains, of which there is one of each. */
  | { readonly kind: "set"; readonly set: ProgramSet }
  /** The members of one group or pair set, of one family. `set` comes without elements. */
  | { readonly kind: "members"; readonly set: ProgramSet; readonly of: MembersName; readonly family: 4 | 6 }
  /** The members of many, each with the counter of the first entry that has it. `set` comes without elements. */
  | ({ readonly kind: "union"; readonly set: ProgramSet; readonly family: 4 | 6 } & UnionContent)
  | { readonly kind: "counter"; readonly counter: ProgramCounter; readonly source: CounterSource };

/** What a union is made of, in the order in which it is asked: the first that has an address has it for good. */
export interface UnionContent {
  readonly entries: readonly UnionEntry[];
  /** Disjoint, ascending: a member that lies in one is the block's, if that comes first. Blocks add no members. */
  readonly blocks: readonly UnionBlock[];
}

export interface UnionEntry {
  /** Null: what this entry has belongs to another map, and is not in this one. */
  readonly counter: string | null;
  readonly members: readonly MembersName[];
}

export interface UnionBlock {
  readonly low: bigint;
  readonly high: bigint;
  /** It comes before the entries from this one on. */
  readonly before: number;
  /** As of an entry. */
  readonly counter: string | null;
}

/** Parts by name. */
export interface Plan {
  get(id: PartId): Part | undefined;
}

/** A plan in the making: parts of its own, and those of plans that are taken in as they are. */
export class Parts implements Plan {
  readonly #own = new Map<PartId, Part>();
  readonly #others = new Set<Plan>();

  get(id: PartId): Part | undefined {
    const own = this.#own.get(id);
    if (own !== undefined) return own;
    for (const plan of this.#others) {
      const part = plan.get(id);
      if (part !== undefined) return part;
    }
    return undefined;
  }

  has(id: PartId): boolean {
    return this.get(id) !== undefined;
  }

  set(id: PartId, part: Part): void {
    this.#own.set(id, part);
  }

  /** As a plan of few parts: it is not asked later. */
  absorb(plan: Parts): void {
    for (const [id, part] of plan.#own) this.#own.set(id, part);
    for (const other of plan.#others) this.#others.add(other);
  }

  takeIn(plan: Plan): void {
    this.#others.add(plan);
  }
}
