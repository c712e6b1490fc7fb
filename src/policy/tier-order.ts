import type { Policy } from "./policy.ts";

/** Order of texts by code unit: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** At equal priority ClusterNetworkPolicies come first (semantics.md). */
const kindRank = (policy: Policy): number => (policy.kind === "ClusterNetworkPolicy" ? 0 : 1);

/** The order of policies in an ordered tier (Admin, Baseline): ascending priority, across kinds; then by name. */
export function compareInTier(a: Policy, b: Policy): number {
  return a.priority - b.priority || kindRank(a) - kindRank(b) || compareText(a.name, b.name) || compareText(a.id, b.id);
}
