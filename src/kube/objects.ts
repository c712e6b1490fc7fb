import type { Address } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import type { PortProtocol } from "../net/protocol.ts";
import type { Labels } from "./labels.ts";

/** Identity of an object: `Kind/namespace/name`, or `Kind/name` where the kind has no namespace. */
export type ObjectKey = string & { readonly brand: "ObjectKey" };

export interface Namespace {
  readonly kind: "Namespace";
  readonly name: string;
  /** Always holds `kubernetes.io/metadata.name`. */
  readonly labels: Labels;
}

/** A port that a container (sidecar init containers included) declares under a name. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly port: number;
}

/** A declared container port, named or not. */
export interface ContainerPort {
  readonly name: string | null;
  readonly protocol: PortProtocol;
  readonly port: number;
}

export interface Pod {
  readonly kind: "Pod";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Seconds since the epoch; 0 where the object does not say. Decides who holds a contested address (semantics.md, 6). */
  readonly created: number;
  readonly labels: Labels;
  readonly nodeName: string;
  readonly hostNetwork: boolean;
  /** True once status.phase is Succeeded or Failed. */
  readonly finished: boolean;
  readonly ready: boolean;
  /** All of status.podIPs (and podIP), without doubles. */
  readonly addresses: readonly Address[];
  readonly ports: readonly ContainerPort[];
  readonly owner: OwnerReference | null;
}

/** The controlling owner. */
export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface NodeAddress {
  readonly type: string;
  readonly address: Address;
}

export interface Node {
  readonly kind: "Node";
  readonly name: string;
  readonly labels: Labels;
  readonly podCidrs: readonly Cidr[];
  /** Those of status.addresses that are IP addresses (host names are left out). */
  readonly addresses: readonly NodeAddress[];
}

export interface ServicePort {
  readonly name: string;
  readonly protocol: PortProtocol;
  readonly port: number;
  readonly targetPort: number | string;
  readonly nodePort: number | null;
}

export interface Service {
  readonly kind: "Service";
  readonly namespace: string;
  readonly name: string;
  /** Without "None"; empty for headless services and ExternalName. */
  readonly clusterIps: readonly Address[];
  readonly externalIps: readonly Address[];
  /** Equality-based selector; null where the Service has none. */
  readonly selector: ReadonlyMap<string, string> | null;
  readonly publishNotReady: boolean;
  readonly ports: readonly ServicePort[];
}

export const workloadKinds = [
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "ReplicaSet",
  "ReplicationController",
  "Job",
  "CronJob",
] as const;

export type WorkloadKind = (typeof workloadKinds)[number];

/** A workload as cli.md reads it: what its pods would be. */
export interface Workload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** What the template asks for; the reader of manifests caps it (cli.md: at most 2, one for a DaemonSet). */
  readonly replicas: number;
  readonly owner: OwnerReference | null;
  readonly template: Pick<Pod, "labels" | "nodeName" | "hostNetwork" | "ports">;
}

/** The objects that make up the cluster's state; policies stand apart (policy/policy.ts). */
export type ClusterObject = Namespace | Pod | Node | Service;

/** What an object needs to be named. */
export interface Named {
  readonly kind: string;
  /** Absent for kinds without a namespace. */
  readonly namespace?: string | null;
  readonly name: string;
}

/** `Kind/namespace/name`, or `Kind/name` for kinds without a namespace. */
export function keyOf(object: Named): ObjectKey {
  const { kind, namespace, name } = object;
  return (
    namespace === undefined || namespace === null ? `${kind}/${name}` : `${kind}/${namespace}/${name}`
  ) as ObjectKey;
}

export function podKey(namespace: string, name: string): ObjectKey {
  return `Pod/${namespace}/${name}` as ObjectKey;
}
