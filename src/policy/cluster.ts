import type { ClusterObject, ObjectKey } from "../kube/objects.ts";
import type { Policy } from "./policy.ts";

/** All that a source has read, at one moment. */
export interface Cluster {
  readonly objects: readonly ClusterObject[];
  readonly policies: readonly Policy[];
}

/** One change to it. An upsert replaces whatever had the same key. */
export type Change =
  | { readonly kind: "object"; readonly object: ClusterObject }
  | { readonly kind: "policy"; readonly policy: Policy }
  /** `key` is the key of an object (kube/objects.ts) or the id of a policy: both are `Kind/namespace/name`. */
  | { readonly kind: "gone"; readonly key: ObjectKey };
