import type { Chain, ChainName } from "../ir/ruleset.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import { compareInTier } from "../policy/tier-order.ts";
import { contentName, digestOf } from "./content-name.ts";
import type { Part } from "./lower.ts";
import type { PartList, SubjectParts } from "./part-list.ts";
import { noParts, tierParts } from "./part-list.ts";

/** What a chain is made of: what policies contribute, by tier. */
export interface ChainParts {
  readonly direction: Direction;
  readonly admin: PartList;
  /** Null: no NetworkPolicy isolates. */
  readonly networkPolicy: PartList | null;
  readonly baseline: PartList;
  readonly fallback: "accept" | "deny";
}

const tierRank = { admin: 0, networkpolicy: 1, baseline: 2 } as const;

/** The order in which policies are asked; NetworkPolicies, which are united, by name (they have no priority). */
export function comparePolicies(a: Policy, b: Policy): number {
  return tierRank[a.tier] - tierRank[b.tier] || compareInTier(a, b);
}

/** The parts of all policies that select a subject and speak of the direction, given in order, by tier. */
export function subjectParts(direction: Direction, parts: readonly Part[]): SubjectParts {
  const of = (tier: Policy["tier"]) =>
    tierParts(
      direction,
      tier,
      parts.filter((part) => part.policy.tier === tier),
    );
  return { admin: of("admin"), networkpolicy: of("networkpolicy"), baseline: of("baseline") };
}

/** What is decided with, and what would be decided with if policies in audit counted. */
export interface DirectionChains {
  /** Null: all is accepted. */
  readonly enforced: ChainParts | null;
  /** Null where no policy in audit has a say. */
  readonly audit: ChainParts | null;
}

/** Both chains of one direction. */
export function directionChains(
  direction: Direction,
  parts: SubjectParts,
  fallback: "accept" | "deny",
): DirectionChains {
  const enforced = chainParts(direction, parts, "enforced", fallback);
  const all = chainParts(direction, parts, "all", fallback);
  return { enforced, audit: all !== null && isAudit(all) ? all : null };
}

/** What cannot be reached is left out: where NetworkPolicies isolate, they are final. */
function chainParts(
  direction: Direction,
  parts: SubjectParts,
  which: "enforced" | "all",
  fallback: "accept" | "deny",
): ChainParts | null {
  const [admin, isolating, baseline] = [parts.admin[which], parts.networkpolicy[which], parts.baseline[which]];
  if (isolating.name !== null) {
    return { direction, admin, networkPolicy: isolating, baseline: noParts, fallback: "deny" };
  }
  if (admin.name === null && baseline.name === null && fallback === "accept") return null;
  return { direction, admin, networkPolicy: null, baseline, fallback };
}

/** Whether it is the chain of an audit: what it says is reported, not done. */
export function isAudit(parts: ChainParts): boolean {
  return listsOf(parts).some((list) => list.audited.length > 0);
}

/** The name of a chain: equal exactly for equal chains. Costs nothing that depends on how many policies there are. */
export function chainName(parts: ChainParts): ChainName {
  const { direction, admin, networkPolicy, baseline, fallback } = parts;
  const named = ({ name }: PartList): string => name ?? "";
  const united = networkPolicy === null ? "none" : `[${named(networkPolicy)}]`;
  const digest = digestOf(["chain", direction, named(admin), united, named(baseline), fallback]);
  return contentName(direction === "ingress" ? "in" : "eg", chainWords(parts), digest) as ChainName;
}

/** The first policy in audit, else the first that isolates, else the first of all. */
function chainWords(parts: ChainParts): string {
  const lists = [parts.networkPolicy ?? noParts, parts.admin, parts.baseline];
  const audited = listsOf(parts).find((list) => list.audited.length > 0);
  const first =
    audited?.parts.find((part) => part.policy.mode === "audit") ?? lists.find((list) => list.name !== null)?.parts[0];
  return first === undefined ? "default" : `${first.policy.namespace ?? "cluster"}.${first.policy.name}`;
}

export function chainOf(name: ChainName, parts: ChainParts): Chain {
  const { direction, admin, networkPolicy, baseline, fallback } = parts;
  return {
    name,
    direction,
    admin: admin.clauses,
    networkPolicy: networkPolicy?.clauses ?? null,
    baseline: baseline.clauses,
    fallback,
    lists: { admin: admin.name, networkPolicy: networkPolicy?.name ?? null, baseline: baseline.name },
    isolatedBy: (networkPolicy?.parts ?? []).map((part) => part.policy.id),
    audited: listsOf(parts).flatMap((list) => list.audited),
  };
}

/** The lists of a chain that is not empty, in order. */
export function listsOf({ admin, networkPolicy, baseline }: ChainParts): readonly PartList[] {
  return [admin, networkPolicy ?? noParts, baseline].filter((list) => list.name !== null);
}

/** All parts of a chain. */
export function partsOf(parts: ChainParts): readonly Part[] {
  return listsOf(parts).flatMap((list) => list.parts);
}
