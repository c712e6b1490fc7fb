import type { ChainClause, ClauseListName } from "../ir/ruleset.ts";
import type { Direction, PolicyId, Tier } from "../policy/policy.ts";
import { contentName, digestOf } from "./content-name.ts";
import type { Part } from "./lower.ts";

/** What policies of one tier say about a direction, in the order in which they are asked. */
export interface PartList {
  /** By content and direction; null: no policy says anything. */
  readonly name: ClauseListName | null;
  readonly parts: readonly Part[];
  readonly clauses: readonly ChainClause[];
  /** Of the policies those that are in audit. */
  readonly audited: readonly PolicyId[];
}

export const noParts: PartList = { name: null, parts: [], clauses: [], audited: [] };

/** What a tier says to a subject. */
export interface TierParts {
  /** What is enforced. */
  readonly enforced: PartList;
  /** With the policies in audit; the same list where there are none. */
  readonly all: PartList;
}

/** What all tiers say to a subject about a direction. */
export type SubjectParts = Readonly<Record<Tier, TierParts>>;

/** The parts of one tier, given in order. Costs their number. */
export function tierParts(direction: Direction, tier: Tier, parts: readonly Part[]): TierParts {
  // A NetworkPolicy isolates though it allows nothing; in an ordered tier a policy without clauses says nothing.
  const speaking = tier === "networkpolicy" ? parts : parts.filter((part) => part.clauses.length > 0);
  const enforced = speaking.filter((part) => part.policy.mode === "enforce");
  const list = partList(direction, enforced);
  return { enforced: list, all: enforced.length === speaking.length ? list : partList(direction, speaking) };
}

function partList(direction: Direction, parts: readonly Part[]): PartList {
  const [first] = parts;
  if (first === undefined) return noParts;
  // Digests are of one length, so nothing need stand between them.
  const digest = digestOf(["list", direction, parts.map((part) => part.digest).join("")]);
  const words = `${first.policy.namespace ?? "cluster"}.${first.policy.name}`;
  const audited = parts.filter((part) => part.policy.mode === "audit").map((part) => part.policy.id);
  // Mostly a list of this name is there already, and nobody asks for the clauses of this one.
  let clauses: readonly ChainClause[] | null = null;
  return {
    name: contentName("l", words, digest) as ClauseListName,
    parts,
    get clauses() {
      return (clauses ??= parts.flatMap((part) => part.clauses));
    },
    audited,
  };
}
