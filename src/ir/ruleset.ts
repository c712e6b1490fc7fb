import type { AddressSet } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import type { PortProtocol } from "../net/protocol.ts";
import type { Action, Direction, PodSelection, PolicyId } from "../policy/policy.ts";

/**
 * The Ruleset: what the kernel of one node needs and no more. Every dataplane renders it. Groups, pair sets and
 * chains are named by their content (`g-…`, `n-…`, `in-…`, `eg-…`: a readable part and a hash), so equal content
 * has one name and a name's meaning never changes; members of groups and pair sets do change.
 */
export interface Ruleset {
  readonly node: NodeRules;
  /**
   * By address: every known pod of this node, and, without chains, every other known pod whose address lies in this
   * node's ranges, so that it is not taken for unknown; its own node enforces it. Not where `unknownPods` is accept.
   */
  readonly endpoints: ReadonlyMap<Address, Endpoint>;
  readonly chains: ReadonlyMap<ChainName, Chain>;
  readonly groups: ReadonlyMap<GroupName, Group>;
  readonly pairSets: ReadonlyMap<PairSetName, PairSet>;
}

export type ChainName = string & { readonly brand: "ChainName" };
export type GroupName = string & { readonly brand: "GroupName" };
export type PairSetName = string & { readonly brand: "PairSetName" };

/** What holds for the node as a whole. */
export interface NodeRules {
  readonly name: string;
  /**
   * The node's pod ranges, and single addresses that its pods had where no range tells; an address in them that is no
   * endpoint is unknown (semantics.md, 10). Empty: unknown range.
   */
  readonly ranges: readonly Cidr[];
  /**
   * Addresses in the ranges that are the node itself, sorted: the gateway (the first of each range) and what the
   * Node's status lists. They are not unknown, endpoint or not.
   */
  readonly gateways: readonly Address[];
  readonly unknownPods: "drop" | "accept";
  /** What happens to open connections that a change denies (semantics.md, 2). */
  readonly established: "cut" | "keep";
  /** The NFLOG group that denied connections are reported to; null: they are not. The operator's, it does not change. */
  readonly logGroup: number | null;
}

/** What decides for a pod, by direction. */
export interface EndpointChains {
  /** Null: nothing isolates it in this direction and the default is accept, or it runs elsewhere. */
  readonly ingress: ChainName | null;
  readonly egress: ChainName | null;
  /**
   * What would decide if the policies in audit counted (semantics.md, 13): never enforced, the difference is reported.
   * Null: no policy in audit has a say in this direction, or it runs elsewhere.
   */
  readonly auditIngress: ChainName | null;
  readonly auditEgress: ChainName | null;
}

/** A pod under one of its addresses. */
export interface Endpoint extends EndpointChains {
  readonly address: Address;
  /** `namespace/name`, for comments and logs. */
  readonly pod: string;
}

/** Of a pod that nothing here decides for. */
export const noChains: EndpointChains = { ingress: null, egress: null, auditIngress: null, auditEgress: null };

/**
 * The decision for one direction, shared by all endpoints with the same policies (and the same declared ports,
 * where policies name ports). In order: admin, networkPolicy, baseline, fallback.
 */
export interface Chain {
  readonly name: ChainName;
  readonly direction: Direction;
  readonly admin: readonly ChainClause[];
  /** The union of what is allowed; null: no NetworkPolicy isolates, the baseline tier follows. */
  readonly networkPolicy: readonly ChainClause[] | null;
  readonly baseline: readonly ChainClause[];
  readonly fallback: "accept" | "deny";
  /** Policies of the NetworkPolicy tier that isolate, sorted: what a drop is explained with. */
  readonly isolatedBy: readonly PolicyId[];
  /**
   * Policies in audit that have a say in it, in the order in which they are asked. Empty in every chain that is
   * enforced, and in no other: a chain is either enforced or audited, never both.
   */
  readonly audited: readonly PolicyId[];
}

/** One rule of one policy as the kernel can match it: peer AND port, or (address, port) pairs. */
export interface ChainClause {
  readonly policy: PolicyId;
  readonly rule: number;
  readonly action: Action;
  readonly match: Match;
}

export type Match =
  | { readonly kind: "peers"; readonly peers: PeerMatch | null; readonly ports: readonly PortRange[] | null }
  /** Egress named ports: the destination's own (address, port) pairs. One clause a protocol. */
  | { readonly kind: "pairs"; readonly pairs: PairSetName; readonly protocol: PortProtocol };

/** The other end is in one of the groups, or in the addresses (all ipBlocks of the rule, merged, excepts cut out). */
export interface PeerMatch {
  readonly groups: readonly GroupName[];
  readonly addresses: AddressSet;
}

export interface PortRange {
  readonly protocol: PortProtocol;
  readonly from: number;
  readonly to: number;
}

/** Addresses of the live pods, anywhere in the cluster, that a selection picks. */
export interface Group {
  readonly name: GroupName;
  readonly selection: PodSelection;
  readonly members: ReadonlySet<Address>;
}

/** `ADDRESS PORT`, separated by one blank. */
export type Pair = string & { readonly brand: "Pair" };

/** (address, port) of every live pod of a selection that declares a port of this protocol under this name. */
export interface PairSet {
  readonly name: PairSetName;
  readonly selection: PodSelection;
  /** Only pods under these addresses (a named port beside an ipBlock); null: under any. */
  readonly within: AddressSet | null;
  readonly protocol: PortProtocol;
  readonly portName: string;
  readonly members: ReadonlySet<Pair>;
}
