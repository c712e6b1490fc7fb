import { decodeNamespace } from "../../kube/decode/namespace.ts";
import { decodeNode } from "../../kube/decode/node.ts";
import { decodePod } from "../../kube/decode/pod.ts";
import { decodeService } from "../../kube/decode/service.ts";
import { decodeWorkload } from "../../kube/decode/workload.ts";
import type { FieldError } from "../../kube/field-error.ts";
import type { ClusterObject, Workload } from "../../kube/objects.ts";
import { workloadKinds } from "../../kube/objects.ts";
import { isUnreadPolicy, policyKindFor, policyKinds, type PolicyReading, readEverything } from "../../policy/kinds.ts";
import type { Policy } from "../../policy/policy.ts";

/** An object that we read. The value is null where it cannot be read; with errors it is what is left of it. */
export type Decoding =
  | { readonly kind: "object"; readonly value: ClusterObject | null; readonly errors: readonly FieldError[] }
  | { readonly kind: "workload"; readonly value: Workload | null; readonly errors: readonly FieldError[] }
  | { readonly kind: "policy"; readonly value: Policy | null; readonly errors: readonly FieldError[] };

/** What an object of a manifest is to us. */
export type Meaning =
  | Decoding
  /** A version of one of our kinds that is not read: skipping it in silence could leave a pod open. */
  | { readonly kind: "version"; readonly supported: readonly string[] }
  /** A policy of an API that is not read at all: it is said, so that nobody thinks it enforced. */
  | { readonly kind: "unsupported" }
  | { readonly kind: "foreign" };

interface Decoded {
  readonly value: ClusterObject | null;
  readonly errors: readonly FieldError[];
}

const coreDecoders: ReadonlyMap<string, (object: unknown) => Decoded> = new Map<string, (object: unknown) => Decoded>([
  ["Namespace", decodeNamespace],
  ["Node", decodeNode],
  ["Pod", decodePod],
  ["Service", decodeService],
]);

const workloads: ReadonlySet<string> = new Set(workloadKinds);
/** Groups that have held workloads; the fields that we read are the same in all their versions. */
const workloadGroups: ReadonlySet<string> = new Set(["", "apps", "batch", "extensions"]);
/** Policies that are known count whether or not they are read. */
const clusterScoped: ReadonlySet<string> = new Set([
  "Namespace",
  "Node",
  ...policyKinds.filter(({ scope }) => scope === "cluster").map(({ kind }) => kind),
]);

export function isNamespaced(kind: string, reading: PolicyReading): boolean {
  return !clusterScoped.has(kind) && !reading.kinds.some((one) => one.kind === kind && one.scope === "cluster");
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

function policyMeaning(apiVersion: string, kind: string, object: unknown, reading: PolicyReading): Meaning {
  const policyKind = policyKindFor(apiVersion, kind, reading.kinds);
  if (policyKind !== null) {
    const { policy, errors } = policyKind.decode(object, reading.gates);
    return { kind: "policy", value: policy, errors };
  }
  if (isUnreadPolicy(apiVersion, kind, reading.unread)) return { kind: "unsupported" };
  const group = groupOf(apiVersion);
  const named = reading.kinds.filter((one) => one.kind === kind);
  const supported = named.flatMap((one) => one.apiVersions);
  // NetworkPolicy began in the group "extensions".
  const ours = supported.some((version) => groupOf(version) === group) || group === "extensions";
  return named.length > 0 && ours ? { kind: "version", supported } : { kind: "foreign" };
}

/** Decodes an object by its kind and version. */
export function meaningOf(
  apiVersion: string,
  kind: string,
  object: unknown,
  reading: PolicyReading = readEverything,
): Meaning {
  const decode = coreDecoders.get(kind);
  if (decode !== undefined && groupOf(apiVersion) === "") {
    if (apiVersion !== "v1") return { kind: "version", supported: ["v1"] };
    const { value, errors } = decode(object);
    return { kind: "object", value, errors };
  }
  if (workloads.has(kind) && workloadGroups.has(groupOf(apiVersion))) {
    const { value, errors } = decodeWorkload(object);
    return { kind: "workload", value, errors };
  }
  return policyMeaning(apiVersion, kind, object, reading);
}
