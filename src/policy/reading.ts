import type { FeatureGates } from "./feature-gates.ts";
import { policyKinds, type PolicyReading, readEverything, unreadKinds } from "./kinds.ts";

/** What is read where only these kinds are wanted; null: all that are known. Others are passed over in silence. */
export function policyReading(kinds: readonly string[] | null, gates: FeatureGates): PolicyReading {
  if (kinds === null) return { ...readEverything, gates };
  return {
    kinds: policyKinds.filter(({ kind }) => kinds.includes(kind)),
    unread: unreadKinds.filter(({ kind }) => kinds.includes(kind)),
    gates,
  };
}
