import type { Change, Cluster } from "../policy/cluster.ts";
import type { Policy } from "../policy/policy.ts";

const audited = (policy: Policy): Policy => (policy.mode === "audit" ? policy : { ...policy, mode: "audit" });

/** The same cluster with every policy in audit, so that none counts (semantics, 13). */
export function auditCluster(cluster: Cluster): Cluster {
  return { objects: cluster.objects, policies: cluster.policies.map(audited) };
}

/** The same changes with every policy in audit. */
export function auditChanges(changes: readonly Change[]): readonly Change[] {
  return changes.map((change) =>
    change.kind === "policy" ? { kind: "policy", policy: audited(change.policy) } : change,
  );
}
