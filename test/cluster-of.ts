import { decodeNamespace } from "../src/kube/decode/namespace.ts";
import { decodeNode } from "../src/kube/decode/node.ts";
import { decodePod } from "../src/kube/decode/pod.ts";
import { decodeService } from "../src/kube/decode/service.ts";
import type { FieldError } from "../src/kube/field-error.ts";
import { fieldErrorText } from "../src/kube/field-error.ts";
import type { ClusterObject } from "../src/kube/objects.ts";
import type { Cluster } from "../src/policy/cluster.ts";
import { policyKindFor } from "../src/policy/kinds.ts";
import type { Policy } from "../src/policy/policy.ts";

/** An object as the Kubernetes API holds it. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly [field: string]: unknown;
}

interface Decoded {
  readonly object: ClusterObject | null;
  readonly policy: Policy | null;
  readonly errors: readonly FieldError[];
}

function decodeObject(object: ApiObject): Decoded {
  const decoders = { Namespace: decodeNamespace, Node: decodeNode, Pod: decodePod, Service: decodeService };
  const decode = decoders[object.kind as keyof typeof decoders];
  if (decode !== undefined) {
    const { value, errors } = decode(object);
    return { object: value, policy: null, errors };
  }
  const kind = policyKindFor(object.apiVersion, object.kind);
  if (kind === null) throw new Error(`no decoder for ${object.apiVersion} ${object.kind}`);
  return { object: null, ...kind.decode(object) };
}

/** The cluster that these objects make, with what is wrong with them. Nothing is filled in, unlike from manifests. */
export function readCluster(objects: readonly ApiObject[]): { cluster: Cluster; errors: readonly string[] } {
  const decoded = objects.map(decodeObject);
  const cluster = {
    objects: decoded.map(({ object }) => object).filter((object) => object !== null),
    policies: decoded.map(({ policy }) => policy).filter((policy) => policy !== null),
  };
  return { cluster, errors: decoded.flatMap(({ errors }) => errors.map(fieldErrorText)) };
}

/** The cluster that these objects make; throws if anything is wrong with one of them. */
export function clusterOf(objects: readonly ApiObject[]): Cluster {
  const { cluster, errors } = readCluster(objects);
  if (errors.length > 0) throw new Error(errors.join("\n"));
  return cluster;
}
