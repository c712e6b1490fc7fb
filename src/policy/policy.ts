import type { FieldError } from "../kube/field-error.ts";
import type { PodSelection } from "../model/selection.ts";
import type { Selector } from "../kube/selector.ts";
import type { AddressSet } from "../net/address-set.ts";
import type { DomainPattern } from "../net/domain-name.ts";
import type { PortProtocol } from "../net/protocol.ts";
import type { FeatureGates } from "./feature-gates.ts";

export type { NamespaceSelection, PodSelection } from "../model/selection.ts";

/** `Kind/namespace/name` or `Kind/name`: how a policy is named in answers, counters and logs. */
export type PolicyId = string & { readonly brand: "PolicyId" };

export type Direction = "ingress" | "egress";

/** Where a policy stands in the order Admin, NetworkPolicy, Baseline (semantics.md). */
export type Tier = "admin" | "networkpolicy" | "baseline";

/** What a rule that matches does. NetworkPolicy only accepts. */
export type Action = "accept" | "deny" | "pass";

export type Peer =
  | { readonly kind: "pods"; readonly selection: PodSelection }
  /** By address, whoever holds it; `except` is cut out already. */
  | { readonly kind: "block"; readonly addresses: AddressSet }
  /** Every IP address in status.addresses of the Nodes that it picks (semantics.md, 5). Only egress rules have it. */
  | { readonly kind: "nodes"; readonly selector: Selector }
  /** What a resolver of the cluster says that these names are. Only egress rules that accept have it. */
  | { readonly kind: "domains"; readonly patterns: readonly DomainPattern[] };

export type PortMatch =
  /** Inclusive range; all ports of a protocol are 0-65535. */
  | { readonly kind: "range"; readonly protocol: PortProtocol; readonly from: number; readonly to: number }
  /** Looked up among what the destination pod of the connection declares; `protocol` null matches each protocol. */
  | { readonly kind: "named"; readonly name: string; readonly protocol: PortProtocol | null };

/** One rule, lowered: what matches (null: anything) and what then happens. Empty lists match nothing. */
export interface Clause {
  /** Index of the rule in its policy's list for this direction. */
  readonly rule: number;
  readonly ruleName: string | null;
  readonly action: Action;
  /** ORed. */
  readonly peers: readonly Peer[] | null;
  /** ORed. Null: every protocol and port, protocols without ports too. */
  readonly ports: readonly PortMatch[] | null;
}

/** A policy of any kind, lowered to what the engine knows. */
export interface Policy {
  readonly id: PolicyId;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly tier: Tier;
  /**
   * Ascending order within an ordered tier; 0 in the NetworkPolicy tier, where all are united. Beyond 32 bits where the
   * object has none: it comes first or last, and nobody is shown a number.
   */
  readonly priority: number;
  /** In audit a policy does not count (semantics.md, 13). */
  readonly mode: "enforce" | "audit";
  readonly subject: PodSelection;
  /** The directions it speaks of, each with its rules in order; null: this direction is untouched by it. */
  readonly ingress: readonly Clause[] | null;
  readonly egress: readonly Clause[] | null;
}

/**
 * What decoding a policy object gives. `policy` is null where even the subject cannot be read; with errors and a
 * policy, the policy fails closed (semantics.md, 9): its unreadable rules match nothing.
 */
export interface DecodedPolicy {
  readonly policy: Policy | null;
  readonly errors: readonly FieldError[];
}

/** A policy API: one folder under policy/ and one line in the registry (policy/kinds.ts). */
export interface PolicyKind {
  readonly kind: string;
  /** apiVersions that are read, e.g. `networking.k8s.io/v1`. */
  readonly apiVersions: readonly string[];
  /** Plural name in the API server's paths, e.g. `networkpolicies`. */
  readonly resource: string;
  readonly scope: "namespaced" | "cluster";
  /**
   * Decodes and lowers one API object. Never throws on input. A field whose gate is shut is an unknown field; without
   * gates all are open.
   */
  decode(object: unknown, gates?: FeatureGates): DecodedPolicy;
}
