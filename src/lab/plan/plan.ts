import type { Address } from "../../net/address.ts";

export type Topology = "bridged" | "routed";

/** What stands for what: the machine between all nodes, a node, a pod, hosts outside, addresses that no pod has. */
export type Role = "fabric" | "node" | "pod" | "outside" | "stray";

/** Two connected devices; the first is in the namespace that lists the pair. */
export interface PairPlan {
  readonly device: string;
  readonly peerNamespace: string;
  readonly peerDevice: string;
  /** The first device is a port of the namespace's bridge. */
  readonly bridged: boolean;
}

export interface AddressPlan {
  readonly device: string;
  readonly address: Address;
}

export interface RoutePlan {
  readonly device: string;
  readonly destination: Address;
  readonly bits: number;
  readonly gateway: Address | null;
  readonly source: Address | null;
}

/** One network namespace of a lab. */
export interface NamespacePlan {
  readonly name: string;
  readonly role: Role;
  /** The node's name, `namespace/name` of the pod, or empty. */
  readonly of: string;
  /** The namespace that its cable leads to; null for the fabric. A host that moves is made anew. */
  readonly router: string | null;
  readonly bridge: boolean;
  readonly pairs: readonly PairPlan[];
  readonly addresses: readonly AddressPlan[];
  readonly routes: readonly RoutePlan[];
  /** nft text of the node's address translation for Services; null where there is none. */
  readonly services: string | null;
}

/** A whole lab: what is to be built, and who answers for which address. */
export interface LabPlan {
  readonly lab: string;
  readonly topology: Topology;
  readonly namespaces: readonly NamespacePlan[];
  /** The namespace that holds each address; Services' addresses are not among them. */
  readonly holders: ReadonlyMap<Address, string>;
}

/** Device names inside the namespaces. */
export const uplink = "eth0";
export const bridgeDevice = "br0";
