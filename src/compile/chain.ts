import type { Chain, ChainName } from "../ir/ruleset.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import { compareInTier } from "../policy/tier-order.ts";
import { contentName, digestOf } from "./content-name.ts";
import type { Part } from "./lower.ts";

/** What a chain is made of: the parts that policies contribute, by tier, in order. */
export interface ChainParts {
  readonly direction: Direction;
  readonly admin: readonly Part[];
  /** Null: no NetworkPolicy isolates. */
  readonly networkPolicy: readonly Part[] | null;
  readonly baseline: readonly Part[];
  readonly fallback: "accept" | "deny";
}

const tierRank = { admin: 0, networkpolicy: 1, baseline: 2 } as const;

/** The order in which policies are asked; NetworkPolicies, which are united, by name (they have no priority). */
export function comparePolicies(a: Policy, b: Policy): number {
  return tierRank[a.tier] - tierRank[b.tier] || compareInTier(a, b);
}

/**
 * The chain of all policies that select a subject and speak of the direction, their parts given in order. What
 * cannot be reached is left out: where NetworkPolicies isolate, they are final. Null: all is accepted.
 */
export function chainParts(
  direction: Direction,
  parts: readonly Part[],
  fallback: "accept" | "deny",
): ChainParts | null {
  const admin = parts.filter((part) => part.policy.tier === "admin" && part.clauses.length > 0);
  const isolating = parts.filter((part) => part.policy.tier === "networkpolicy");
  if (isolating.length > 0) return { direction, admin, networkPolicy: isolating, baseline: [], fallback: "deny" };
  const baseline = parts.filter((part) => part.policy.tier === "baseline" && part.clauses.length > 0);
  if (admin.length === 0 && baseline.length === 0 && fallback === "accept") return null;
  return { direction, admin, networkPolicy: null, baseline, fallback };
}

const isAudited = (part: Part): boolean => part.policy.mode === "audit";

/** What is decided with, and what would be decided with if policies in audit counted. */
export interface DirectionChains {
  readonly enforced: ChainParts | null;
  /** Null where no policy in audit has a say. */
  readonly audit: ChainParts | null;
}

/** Both chains of one direction, from all parts, those of policies in audit too; see `chainParts`. */
export function directionChains(
  direction: Direction,
  parts: readonly Part[],
  fallback: "accept" | "deny",
): DirectionChains {
  const counting = parts.filter((part) => !isAudited(part));
  const enforced = chainParts(direction, counting, fallback);
  const all = counting.length === parts.length ? null : chainParts(direction, parts, fallback);
  return { enforced, audit: all !== null && partsOf(all).some(isAudited) ? all : null };
}

/** Whether it is the chain of an audit: what it says is reported, not done. */
export function isAudit(parts: ChainParts): boolean {
  return partsOf(parts).some(isAudited);
}

/** The name of a chain: equal exactly for equal chains. */
export function chainName(parts: ChainParts): ChainName {
  const { direction, admin, networkPolicy, baseline, fallback } = parts;
  const digests = (list: readonly Part[]): string => list.map((part) => part.digest).join(" ");
  const united = networkPolicy === null ? "none" : `[${digests(networkPolicy)}]`;
  const digest = digestOf(["chain", direction, digests(admin), united, digests(baseline), fallback]);
  const first = partsOf(parts).find(isAudited) ?? networkPolicy?.[0] ?? admin[0] ?? baseline[0];
  const words = first === undefined ? "default" : `${first.policy.namespace ?? "cluster"}.${first.policy.name}`;
  return contentName(direction === "ingress" ? "in" : "eg", words, digest) as ChainName;
}

export function chainOf(name: ChainName, parts: ChainParts): Chain {
  const { direction, admin, networkPolicy, baseline, fallback } = parts;
  return {
    name,
    direction,
    admin: admin.flatMap((part) => part.clauses),
    networkPolicy: networkPolicy?.flatMap((part) => part.clauses) ?? null,
    baseline: baseline.flatMap((part) => part.clauses),
    fallback,
    isolatedBy: (networkPolicy ?? []).map((part) => part.policy.id),
    audited: partsOf(parts)
      .filter(isAudited)
      .map((part) => part.policy.id),
  };
}

/** All parts of a chain. */
export function partsOf(parts: ChainParts): readonly Part[] {
  return [...parts.admin, ...(parts.networkPolicy ?? []), ...parts.baseline];
}
