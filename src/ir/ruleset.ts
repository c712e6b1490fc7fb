import type { Selector } from "../kube/selector.ts";
import type { AddressSet } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import type { DomainPattern } from "../net/domain-name.ts";
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
  readonly domainSets: ReadonlyMap<DomainSetName, DomainSet>;
}

export type ChainName = string & { readonly brand: "ChainName" };
export type ClauseListName = string & { readonly brand: "ClauseListName" };
export type GroupName = string & { readonly brand: "GroupName" };
export type PairSetName = string & { readonly brand: "PairSetName" };
export type DomainSetName = string & { readonly brand: "DomainSetName" };

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
  /** How answers of resolvers come to be known; null: no names are learned, domain sets stay as they are. */
  readonly names: NameLearning | null;
}

/**
 * DNS between pods whose egress chain (enforced or audited) has a domain set and these resolvers is shown to who
 * listens at the queue, before it is delivered: queries and answers, UDP and TCP. Where nobody listens it passes.
 */
export interface NameLearning {
  /** Of NFQUEUE. The operator's, it does not change. */
  readonly queue: number;
  /** Addresses that pods ask: of the Service, and of the pods behind it; sorted. They change. */
  readonly resolvers: readonly Address[];
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
  /** What the lists above are named by. */
  readonly lists: ChainLists;
  /** Policies of the NetworkPolicy tier that isolate, sorted: what a drop is explained with. */
  readonly isolatedBy: readonly PolicyId[];
  /**
   * Policies in audit that have a say in it, in the order in which they are asked. Empty in every chain that is
   * enforced, and in no other: a chain is either enforced or audited, never both.
   */
  readonly audited: readonly PolicyId[];
}

/**
 * The clauses of a tier, named by their content and direction (`l-…`): lists of one name are equal, whatever chains
 * they are in. Where a thousand policies select every pod, all chains of the node have the same list of them.
 */
export interface ChainLists {
  /** Null: no policy of this tier says anything. So for each. */
  readonly admin: ClauseListName | null;
  /** Policies that isolate and allow nothing have a list without clauses. */
  readonly networkPolicy: ClauseListName | null;
  readonly baseline: ClauseListName | null;
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

/**
 * The other end is in one of the groups, or in the addresses (all ipBlocks of the rule, merged, excepts cut out), or
 * among what was learned of the names.
 */
export interface PeerMatch {
  readonly groups: readonly GroupName[];
  readonly addresses: AddressSet;
  /** All names of the rule in one set; null: it names none. Only in egress clauses that accept. */
  readonly domains: DomainSetName | null;
}

export interface PortRange {
  readonly protocol: PortProtocol;
  readonly from: number;
  readonly to: number;
}

/** Whose addresses a group holds. */
export type Picks =
  /** Of the live pods, anywhere in the cluster. */
  | { readonly kind: "pods"; readonly selection: PodSelection }
  /** Those in status.addresses of the Nodes. */
  | { readonly kind: "nodes"; readonly selector: Selector };

/** The addresses that a selection picks. */
export interface Group {
  readonly name: GroupName;
  readonly picks: Picks;
  readonly members: ReadonlySet<Address>;
}

/**
 * Names of one rule. Its members are no part of the Ruleset: the agent learns them from answers, and the kernel keeps
 * them with their time-outs. Named by its content (`d-…`).
 */
export interface DomainSet {
  readonly name: DomainSetName;
  /** Sorted, without doubles. */
  readonly patterns: readonly DomainPattern[];
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
