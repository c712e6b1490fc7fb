import { networkPolicyKind } from "./network-policy/network-policy.ts";
import type { PolicyKind } from "./policy.ts";

/** Every policy API that is read. A new one is a folder here and a line in this list. */
export const policyKinds: readonly PolicyKind[] = [networkPolicyKind];

/** The reader of an object of this apiVersion and kind; null where it is no policy of ours. */
export function policyKindFor(apiVersion: string, kind: string): PolicyKind | null {
  return policyKinds.find((one) => one.kind === kind && one.apiVersions.includes(apiVersion)) ?? null;
}
