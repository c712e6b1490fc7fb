import { adminNetworkPolicyKind } from "./admin-network-policy/admin-network-policy.ts";
import { baselineAdminNetworkPolicyKind } from "./baseline-admin-network-policy/baseline-admin-network-policy.ts";
import { clusterNetworkPolicyKind } from "./cluster-network-policy/cluster-network-policy.ts";
import { allGatesOpen, type FeatureGates } from "./feature-gates.ts";
import { networkPolicyKind } from "./network-policy/network-policy.ts";
import type { PolicyKind } from "./policy.ts";

/** Every policy API that is read. A new one is a folder here and a line in this list. */
export const policyKinds: readonly PolicyKind[] = [
  clusterNetworkPolicyKind,
  adminNetworkPolicyKind,
  networkPolicyKind,
  baselineAdminNetworkPolicyKind,
];

/** A policy API that is known, and not read. */
export interface UnreadKind {
  readonly kind: string;
  readonly group: string;
  readonly resource: string;
}

/**
 * Policy APIs that are not read yet, all their versions. In silence they would look enforced, so their objects are
 * reported. Reading one is a folder, a line above, and one line less here.
 */
export const unreadKinds: readonly UnreadKind[] = [
  { kind: "MultiNetworkPolicy", group: "k8s.cni.cncf.io", resource: "multi-networkpolicies" },
];

/** Which policy APIs are read, and how much of them. */
export interface PolicyReading {
  readonly kinds: readonly PolicyKind[];
  /** Those whose objects are reported, since they have no effect. */
  readonly unread: readonly UnreadKind[];
  readonly gates: FeatureGates;
}

/** All of all of them. */
export const readEverything: PolicyReading = { kinds: policyKinds, unread: unreadKinds, gates: allGatesOpen };

/** The reader of an object of this apiVersion and kind; null where it is no policy that is read. */
export function policyKindFor(
  apiVersion: string,
  kind: string,
  kinds: readonly PolicyKind[] = policyKinds,
): PolicyKind | null {
  return kinds.find((one) => one.kind === kind && one.apiVersions.includes(apiVersion)) ?? null;
}

/** Whether it is a policy of an API that is known, but that no version of is read. */
export function isUnreadPolicy(apiVersion: string, kind: string, unread: readonly UnreadKind[] = unreadKinds): boolean {
  return unread.some((one) => one.kind === kind && apiVersion.startsWith(`${one.group}/`));
}
