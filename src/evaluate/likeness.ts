import type { Labels } from "../kube/labels.ts";
import { matches } from "../kube/selector.ts";
import type { Address, Family } from "../net/address.ts";
import { addressValue, familyOf } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { domainMatches } from "../net/domain-name.ts";
import type { Peer, PodSelection } from "../policy/policy.ts";
import { holdsWholeFamily } from "./matching.ts";

/** Pods that no policy can tell apart by selectors: same namespace, same labels. */
export interface PodClass {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly labels: Labels;
}

export function selectsClass(selection: PodSelection, one: PodClass): boolean {
  const { namespaces } = selection;
  const picked =
    namespaces.kind === "name" ? namespaces.name === one.namespace : matches(namespaces.selector, one.namespaceLabels);
  return picked && matches(selection.pods, one.labels);
}

/** The other end of a query. */
export interface PeerEnd {
  readonly likeness: Likeness;
  /** Null: only its name is known. */
  readonly address: Address | null;
  /** Its address as a number, where it is IPv4; else -1. */
  readonly v4: number;
}

/** What rules look at in an other end beside its address. Ends of one likeness have one key. */
export interface Likeness {
  readonly key: number;
  /** Of the pod that holds the address. */
  readonly podClass: PodClass | null;
  /** Labels of the Nodes that have the address. */
  readonly nodes: readonly Labels[];
  readonly domain: { readonly name: DomainName; readonly family: Family } | null;
}

/** An address of some likeness; null: only the name is known. */
export function peerEnd(address: Address | null, likeness: Likeness): PeerEnd {
  const isV4 = address !== null && familyOf(address) === 4;
  return { likeness, address, v4: isV4 ? Number(addressValue(address)) : -1 };
}

/** Whether a peer matches every end of this likeness, whatever its address. */
export function picksAll(peer: Peer, { podClass, nodes, domain }: Likeness): boolean {
  switch (peer.kind) {
    case "pods":
      return podClass !== null && selectsClass(peer.selection, podClass);
    case "nodes":
      return nodes.some((labels) => matches(peer.selector, labels));
    case "domains":
      return domain !== null && peer.patterns.some((pattern) => domainMatches(pattern, domain.name));
    case "block":
      return domain !== null && holdsWholeFamily(peer.addresses, domain.family);
  }
}
