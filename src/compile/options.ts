import type { Address } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";

/** What the operator says about this node, beside the cluster's objects. */
export interface CompileOptions {
  readonly nodeName: string;
  /** The node's pod ranges; null: the podCIDRs of its Node object. */
  readonly podCidrs: readonly Cidr[] | null;
  readonly unknownPods: "drop" | "accept";
  readonly established: "cut" | "keep";
  readonly defaultVerdict: "accept" | "deny";
  /** The NFLOG group for denied connections; null: none is reported. */
  readonly logGroup: number | null;
  /**
   * Pods of these namespaces are no subjects: no policy and no default verdict isolates them. They stay peers, and
   * known addresses. Absent: none.
   */
  readonly exemptNamespaces?: ReadonlySet<string>;
  /**
   * Addresses outside the node's pod ranges that pods of this node held not long ago. They, and those that its pods
   * hold, must be known as if they were ranges of it. Absent: nothing is learned of what the ranges do not tell.
   */
  readonly learned?: ReadonlySet<Address>;
  /** Where names are learned; null or absent: nowhere. */
  readonly names?: NamesOptions | null;
}

/** Who answers what names mean. */
export interface NamesOptions {
  /** The queue that the kernel shows answers at. */
  readonly queue: number;
  /** The Service that pods ask: its clusterIPs, and the live pods that its selector picks. */
  readonly service: { readonly namespace: string; readonly name: string } | null;
  /** Others that they ask. */
  readonly resolvers: readonly Address[];
}
