import type { Pod } from "../kube/objects.ts";
import { matches } from "../kube/selector.ts";
import type { AddressSet } from "../net/address-set.ts";
import { addressSetContains } from "../net/address-set.ts";
import type { Address, Family } from "../net/address.ts";
import { familyBits, familyOf } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { domainMatches } from "../net/domain-name.ts";
import type { Protocol } from "../net/protocol.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Clause, Peer, PodSelection, PortMatch } from "../policy/policy.ts";
import type { Connection } from "./decision.ts";
import { labelsOfNamespace, nodesWithAddress, podHolding } from "./standing.ts";

/** Whether a selection picks this pod: its namespace AND its labels. */
export function selects(cluster: Cluster, selection: PodSelection, pod: Pod): boolean {
  const { namespaces } = selection;
  const namespaceIsPicked =
    namespaces.kind === "name"
      ? namespaces.name === pod.namespace
      : matches(namespaces.selector, labelsOfNamespace(cluster, pod.namespace));
  return namespaceIsPicked && matches(selection.pods, pod.labels);
}

/** The other end of the connection as a rule sees it. */
export type OtherEnd =
  /** `pod` holds the address; null: a node, an outside host, an unknown address. */
  | { readonly kind: "address"; readonly address: Address; readonly pod: Pod | null }
  /** An outside host of which only the name is known, asked in one family. */
  | { readonly kind: "domain"; readonly domain: DomainName; readonly family: Family; readonly pod: null };

/** Where a connection comes from. */
export function sourceOf(cluster: Cluster, { source }: Connection): OtherEnd {
  return { kind: "address", address: source, pod: podHolding(cluster, source) };
}

/** Where a connection goes. The family of a domain is the source's. */
export function destinationOf(cluster: Cluster, connection: Connection): OtherEnd {
  const { source, destination, domain } = connection;
  if (domain !== null) return { kind: "domain", domain, family: familyOf(source), pod: null };
  return { kind: "address", address: destination, pod: podHolding(cluster, destination) };
}

/** Whether one peer of a rule is this other end. */
export function peerMatches(cluster: Cluster, peer: Peer, other: OtherEnd): boolean {
  switch (peer.kind) {
    case "pods":
      return other.pod !== null && selects(cluster, peer.selection, other.pod);
    case "block":
      // By address, whoever holds it; what `except` names is cut out of this block only. What addresses a name has is
      // not known here: a block holds them for certain only if it holds them all.
      if (other.kind === "domain") return holdsWholeFamily(peer.addresses, other.family);
      return addressSetContains(peer.addresses, other.address);
    case "nodes":
      if (other.kind === "domain") return false;
      return nodesWithAddress(cluster, other.address).some((node) => matches(peer.selector, node.labels));
    case "domains":
      // What was learned of a name is not known here: an address is none.
      return other.kind === "domain" && peer.patterns.some((pattern) => domainMatches(pattern, other.domain));
  }
}

/** Whether a set holds every address of a family. */
export function holdsWholeFamily(set: AddressSet, family: Family): boolean {
  const [first, ...others] = family === 4 ? set.v4 : set.v6;
  return first !== undefined && others.length === 0 && first.low === 0n && first.high === lastAddress(family);
}

const lastAddress = (family: Family): bigint => (1n << BigInt(familyBits(family))) - 1n;

/** What a rule's ports are compared with. */
export interface Target {
  readonly protocol: Protocol;
  readonly port: number;
  /** The destination pod of the connection, where named ports are looked up; null: not a pod. */
  readonly pod: Pod | null;
}

/** Whether one port of a rule is the one that the connection goes to. */
export function portMatches(match: PortMatch, target: Target): boolean {
  switch (match.kind) {
    case "range":
      return match.protocol === target.protocol && match.from <= target.port && target.port <= match.to;
    case "named":
      // Name and protocol, among what the destination declares; declared more than once, every number counts.
      return (target.pod?.ports ?? []).some(
        (declared) =>
          declared.name === match.name &&
          (match.protocol === null || declared.protocol === match.protocol) &&
          declared.protocol === target.protocol &&
          declared.port === target.port,
      );
  }
}

/** Whether a rule matches: one of its peers (or it has no restriction) AND one of its ports (or it has none). */
export function clauseMatches(cluster: Cluster, clause: Clause, other: OtherEnd, target: Target): boolean {
  const peer = clause.peers === null || clause.peers.some((one) => peerMatches(cluster, one, other));
  const port = clause.ports === null || clause.ports.some((one) => portMatches(one, target));
  return peer && port;
}
