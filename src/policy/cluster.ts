import type { ClusterObject, ObjectKey } from "../kube/objects.ts";
import type { Policy, PolicyId } from "./policy.ts";

/** Which version of a policy's object was read. */
export interface PolicyVersion {
  readonly uid: string;
  /** `metadata.generation`; 0 where the object has none. */
  readonly generation: number;
  readonly resourceVersion: string;
}

/** All that a source has read, at one moment. */
export interface Cluster {
  readonly objects: readonly ClusterObject[];
  readonly policies: readonly Policy[];
  /** By policy, where the source knows versions (an API server does). */
  readonly versions?: ReadonlyMap<PolicyId, PolicyVersion>;
}

/** One change to it. An upsert replaces whatever had the same key. */
export type Change =
  | { readonly kind: "object"; readonly object: ClusterObject }
  | { readonly kind: "policy"; readonly policy: Policy; readonly version?: PolicyVersion }
  /** `key` is the key of an object (kube/objects.ts) or the id of a policy: both are `Kind/namespace/name`. */
  | { readonly kind: "gone"; readonly key: ObjectKey };
