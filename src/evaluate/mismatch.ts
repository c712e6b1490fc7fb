import { formatSelector, matches } from "../kube/selector.ts";
import { addressSetToCidrs } from "../net/address-set.ts";
import { formatCidr } from "../net/cidr.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Clause, Peer, PodSelection, PortMatch } from "../policy/policy.ts";
import type { OtherEnd, Target } from "./matching.ts";
import { peerMatches, portMatches } from "./matching.ts";
import { labelsOfNamespace } from "./standing.ts";

/** One reason why a rule does not match a connection, in words. */
export interface Mismatch {
  readonly what: "namespace" | "podSelector" | "ipBlock" | "nodes" | "domainNames" | "port";
  readonly text: string;
}

/** Blocks, names and ports that a text lists before it only counts. */
const mostListed = 4;

/** Texts in a row, the first few of many. */
export function listed(texts: readonly string[]): string {
  const more = texts.length - mostListed;
  return `${texts.slice(0, mostListed).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function formatLabels(labels: ReadonlyMap<string, string>): string {
  return labels.size === 0 ? "<none>" : [...labels].map(([key, value]) => `${key}=${value}`).join(",");
}

function selectionMismatches(cluster: Cluster, { namespaces, pods }: PodSelection, other: OtherEnd): Mismatch[] {
  if (other.pod === null) {
    const wanted = namespaces.kind === "name" ? `of namespace ${namespaces.name}` : "by namespace and labels";
    return [{ what: "podSelector", text: `${nameOfEnd(other)} is no pod; the rule picks pods ${wanted}` }];
  }
  const { namespace, labels } = other.pod;
  const found: Mismatch[] = [];
  if (namespaces.kind === "name" && namespaces.name !== namespace) {
    found.push({ what: "namespace", text: `the pod is in namespace ${namespace}, not in ${namespaces.name}` });
  }
  if (namespaces.kind === "selector") {
    const have = labelsOfNamespace(cluster, namespace);
    if (!matches(namespaces.selector, have)) {
      const wanted = formatSelector(namespaces.selector);
      const text = `namespace ${namespace} (${formatLabels(have)}) does not match namespaceSelector ${wanted}`;
      found.push({ what: "namespace", text });
    }
  }
  if (!matches(pods, labels)) {
    const text = `the pod's labels (${formatLabels(labels)}) do not match podSelector ${formatSelector(pods)}`;
    found.push({ what: "podSelector", text });
  }
  return found;
}

function peerMismatches(cluster: Cluster, peer: Peer, other: OtherEnd): Mismatch[] {
  switch (peer.kind) {
    case "pods":
      return selectionMismatches(cluster, peer.selection, other);
    case "block": {
      const blocks = listed(addressSetToCidrs(peer.addresses).map(formatCidr));
      return [{ what: "ipBlock", text: blockText(other, blocks === "" ? "an empty block" : blocks) }];
    }
    case "nodes": {
      const text = `${nameOfEnd(other)} is no Node's that matches ${formatSelector(peer.selector)}`;
      return [{ what: "nodes", text }];
    }
    case "domains": {
      const what = other.kind === "domain" ? "is not among" : "is an address, and the rule names";
      return [{ what: "domainNames", text: `${nameOfEnd(other)} ${what} ${listed(peer.patterns)}` }];
    }
  }
}

function nameOfEnd(other: OtherEnd): string {
  return other.kind === "domain" ? other.domain : other.address;
}

function blockText(other: OtherEnd, blocks: string): string {
  if (other.kind === "address") return `${other.address} is not in ${blocks}`;
  return `${blocks} does not hold every IPv${other.family} address, and which of them ${other.domain} has is not known`;
}

function formatPort(port: PortMatch): string {
  if (port.kind === "named") return `${port.protocol ?? "any protocol"} ${port.name}`;
  if (port.from === 0 && port.to === 65535) return `${port.protocol} (all ports)`;
  return `${port.protocol} ${port.from === port.to ? port.from : `${port.from}-${port.to}`}`;
}

/** `TCP 80`, `ICMP`. */
export function formatTarget({ protocol, port }: Pick<Target, "protocol" | "port">): string {
  if (protocol === "other") return "a protocol without ports";
  return protocol === "ICMP" ? protocol : `${protocol} ${port}`;
}

function portMismatches(ports: readonly PortMatch[], target: Target): Mismatch[] {
  if (ports.some((port) => portMatches(port, target))) return [];
  const named = ports.some((port) => port.kind === "named")
    ? `; the destination declares ${listed(declaredPorts(target)) || "no named port"}`
    : "";
  const wanted = listed(ports.map(formatPort));
  const text = `${formatTarget(target)} is not ${wanted === "" ? "a port that the rule lets through" : `among ${wanted}`}`;
  return [{ what: "port", text: text + named }];
}

function declaredPorts({ pod }: Target): readonly string[] {
  const named = (pod?.ports ?? []).filter((port) => port.name !== null);
  return named.map((port) => `${port.name} = ${port.protocol} ${port.port}`);
}

/** Why a rule does not match: of its peers the one that comes nearest, and its ports. Empty where it matches. */
export function mismatchesOf(cluster: Cluster, clause: Clause, other: OtherEnd, target: Target): readonly Mismatch[] {
  const ports = clause.ports === null ? [] : portMismatches(clause.ports, target);
  if (clause.peers === null || clause.peers.some((peer) => peerMatches(cluster, peer, other))) return ports;
  if (clause.peers.length === 0) {
    return [{ what: "podSelector", text: "the rule could not be read, so it lets nobody through" }, ...ports];
  }
  const byPeer = clause.peers.map((peer) => peerMismatches(cluster, peer, other));
  const nearest = byPeer.sort((a, b) => a.length - b.length)[0] ?? [];
  return [...nearest, ...ports];
}
