import type { ObjectKey } from "../../kube/objects.ts";
import type { Policy } from "../../policy/policy.ts";

/** Whether some rule of the policy has a peer of this kind. */
function hasPeer({ ingress, egress }: Policy, kind: "nodes" | "domains"): boolean {
  return [...(ingress ?? []), ...(egress ?? [])].some(({ peers }) => peers?.some((peer) => peer.kind === kind));
}

/** Whether it can be told what the policy means without all Nodes. */
export function namesNodes(policy: Policy): boolean {
  return hasPeer(policy, "nodes");
}

/**
 * What has to be followed only since some policy speaks of it: all Nodes, and the Service of the cluster's DNS. Costs a
 * look at the rules of each policy that comes, and an entry for each that asks for something.
 */
export class Demand {
  private readonly ofNodes = new Set<ObjectKey>();
  private readonly ofNames = new Set<ObjectKey>();

  /** What is in force under this key now; null: nothing. */
  note(key: ObjectKey, policy: Policy | null): void {
    for (const [keys, kind] of [[this.ofNodes, "nodes"] as const, [this.ofNames, "domains"] as const]) {
      if (policy !== null && hasPeer(policy, kind)) keys.add(key);
      else keys.delete(key);
    }
  }

  get nodes(): boolean {
    return this.ofNodes.size > 0;
  }

  get names(): boolean {
    return this.ofNames.size > 0;
  }
}
