import type { Pod } from "../kube/objects.ts";
import { matches } from "../kube/selector.ts";
import { addressSetContains } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import type { Protocol } from "../net/protocol.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Clause, Peer, PodSelection, PortMatch } from "../policy/policy.ts";
import { labelsOfNamespace, nodesWithAddress } from "./standing.ts";

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
export interface OtherEnd {
  readonly address: Address;
  /** The pod that holds the address; null: a node, an outside host, an unknown address. */
  readonly pod: Pod | null;
}

/** Whether one peer of a rule is this other end. */
export function peerMatches(cluster: Cluster, peer: Peer, other: OtherEnd): boolean {
  switch (peer.kind) {
    case "pods":
      return other.pod !== null && selects(cluster, peer.selection, other.pod);
    case "block":
      // By address, whoever holds it; what `except` names is cut out of this block only.
      return addressSetContains(peer.addresses, other.address);
    case "nodes":
      return nodesWithAddress(cluster, other.address).some((node) => matches(peer.selector, node.labels));
    case "domains":
      // What is learned of a name is not known here.
      return false;
  }
}

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
