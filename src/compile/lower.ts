import type { AddressSet } from "../net/address-set.ts";
import { emptyAddresses, isEmptyAddresses, unionAddresses } from "../net/address-set.ts";
import { portSet } from "../net/port-set.ts";
import type { PortProtocol } from "../net/protocol.ts";
import { portProtocols } from "../net/protocol.ts";
import { selectorKey } from "../kube/selector.ts";
import type { NamedPort } from "../kube/objects.ts";
import type { PodSelection } from "../model/selection.ts";
import { everyPod, selectionKey } from "../model/selection.ts";
import type {
  ChainClause,
  Group,
  GroupName,
  Match,
  PairSet,
  PairSetName,
  PeerMatch,
  Picks,
  PortRange,
} from "../ir/ruleset.ts";
import type { Clause, Direction, Peer, Policy, PortMatch } from "../policy/policy.ts";
import { contentName, digestOf, selectionWords, selectorWords } from "./content-name.ts";

/** A group without its members. */
export type GroupSpec = Omit<Group, "members">;
/** A pair set without its members. */
export type PairSetSpec = Omit<PairSet, "members">;

/** What one policy says about one direction of a subject, in terms of the Ruleset. */
export interface Part {
  readonly policy: Policy;
  /** Those that can match; in the order of the rules. */
  readonly clauses: readonly ChainClause[];
  /** The matches of the clauses as text, one for one: equal exactly if the matches are. */
  readonly matchKeys: readonly string[];
  /** Equal exactly if policy id, mode and clauses are. */
  readonly digest: string;
  readonly groups: readonly GroupSpec[];
  readonly pairSets: readonly PairSetSpec[];
}

/**
 * Lowers what a policy says about a direction. `subjectPorts` are the named ports that the subject declares: what
 * named ports of ingress rules mean. Null where the policy does not speak of the direction.
 */
export function lowerPart(policy: Policy, direction: Direction, subjectPorts: readonly NamedPort[]): Part | null {
  const rules = policy[direction];
  if (rules === null) return null;
  const groups = new Map<GroupName, GroupSpec>();
  const pairSets = new Map<PairSetName, PairSetSpec>();
  const clauses: ChainClause[] = [];
  for (const rule of rules) {
    const ports = resolvePorts(rule, direction, subjectPorts);
    for (const match of lowerRule(rule, ports, groups, pairSets)) {
      clauses.push({ policy: policy.id, rule: rule.rule, action: rule.action, match });
    }
  }
  const matchKeys = clauses.map((clause) => matchKey(clause.match));
  const texts = clauses.map((clause, index) => `${clause.rule} ${clause.action} ${matchKeys[index]}`);
  // In audit it is another part: no chain that is enforced is one that is only audited.
  const mode = policy.mode === "audit" ? ["audit"] : [];
  const digest = digestOf([policy.id, ...mode, ...texts]);
  return { policy, clauses, matchKeys, digest, groups: [...groups.values()], pairSets: [...pairSets.values()] };
}

/** Whether what a policy says about ingress depends on what its subject declares. */
export function namesPorts(policy: Policy): boolean {
  return (policy.ingress ?? []).some((rule) => rule.ports?.some((port) => port.kind === "named") ?? false);
}

interface ResolvedPorts {
  /** Null: every protocol and port. */
  readonly ranges: readonly PortRange[] | null;
  /** Still to be looked up, pod by pod. */
  readonly names: readonly { readonly name: string; readonly protocol: PortProtocol }[];
}

function resolvePorts(rule: Clause, direction: Direction, subjectPorts: readonly NamedPort[]): ResolvedPorts {
  if (rule.ports === null) return { ranges: null, names: [] };
  const ranges: PortRange[] = [];
  const names = new Map<string, { name: string; protocol: PortProtocol }>();
  for (const match of rule.ports) {
    if (match.kind === "range") {
      ranges.push({ protocol: match.protocol, from: match.from, to: match.to });
    } else if (direction === "ingress") {
      ranges.push(...declared(match, subjectPorts));
    } else {
      const protocols = match.protocol === null ? portProtocols : [match.protocol];
      for (const protocol of protocols) names.set(`${protocol} ${match.name}`, { name: match.name, protocol });
    }
  }
  return { ranges: mergeRanges(ranges), names: [...names.values()] };
}

/** Every number that a pod declares under the name counts (semantics.md, NetworkPolicy, named ports). */
function declared(match: PortMatch & { kind: "named" }, subjectPorts: readonly NamedPort[]): PortRange[] {
  return subjectPorts
    .filter((port) => port.name === match.name && (match.protocol === null || match.protocol === port.protocol))
    .map(({ protocol, port }) => ({ protocol, from: port, to: port }));
}

function mergeRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  return portProtocols.flatMap((protocol) =>
    portSet(ranges.filter((range) => range.protocol === protocol)).intervals.map(({ from, to }) => ({
      protocol,
      from,
      to,
    })),
  );
}

function lowerRule(
  rule: Clause,
  ports: ResolvedPorts,
  groups: Map<GroupName, GroupSpec>,
  pairSets: Map<PairSetName, PairSetSpec>,
): Match[] {
  const matches: Match[] = [];
  if (ports.ranges === null || ports.ranges.length > 0) {
    const peers = rule.peers === null ? null : lowerPeers(rule.peers, groups);
    const matchesNobody = peers !== null && peers.groups.length === 0 && isEmptyAddresses(peers.addresses);
    if (!matchesNobody) matches.push({ kind: "peers", peers, ports: ports.ranges });
  }
  for (const { name, protocol } of ports.names) {
    for (const pairSet of pairSetsOf(rule.peers, name, protocol)) {
      pairSets.set(pairSet.name, pairSet);
      matches.push({ kind: "pairs", pairs: pairSet.name, protocol });
    }
  }
  return matches;
}

function lowerPeers(peers: readonly Peer[], groups: Map<GroupName, GroupSpec>): PeerMatch {
  const names = new Set<GroupName>();
  for (const peer of peers) {
    const picks = picksOf(peer);
    if (picks === null) continue;
    const group = groupOf(picks);
    groups.set(group.name, group);
    names.add(group.name);
  }
  return { groups: [...names].sort(), addresses: blocksOf(peers), domains: null };
}

/** Null: it is no group. */
function picksOf(peer: Peer): Picks | null {
  switch (peer.kind) {
    case "pods":
      return { kind: "pods", selection: peer.selection };
    case "nodes":
      return { kind: "nodes", selector: peer.selector };
    case "block":
    case "domains":
      return null;
  }
}

/** All blocks of a rule in one; each has had its own excepts cut out before. */
function blocksOf(peers: readonly Peer[]): AddressSet {
  return peers.reduce(
    (all, peer) => (peer.kind === "block" ? unionAddresses(all, peer.addresses) : all),
    emptyAddresses,
  );
}

/** One group for equal selections, whoever uses it. */
export function groupOf(picks: Picks): GroupSpec {
  const [key, words] =
    picks.kind === "pods"
      ? [["group", selectionKey(picks.selection)], selectionWords(picks.selection)]
      : [["nodes", selectorKey(picks.selector)], `nodes.${selectorWords(picks.selector, "all")}`];
  return { name: contentName("g", words, digestOf(key)) as GroupName, picks };
}

function pairSetsOf(peers: readonly Peer[] | null, portName: string, protocol: PortProtocol): PairSetSpec[] {
  if (peers === null) return [pairSetOf(everyPod, null, portName, protocol)];
  const sets = peers.flatMap((peer) =>
    peer.kind === "pods" ? [pairSetOf(peer.selection, null, portName, protocol)] : [],
  );
  const blocks = blocksOf(peers);
  if (!isEmptyAddresses(blocks)) sets.push(pairSetOf(everyPod, blocks, portName, protocol));
  return [...new Map(sets.map((set) => [set.name, set])).values()];
}

function pairSetOf(
  selection: PodSelection,
  within: AddressSet | null,
  portName: string,
  protocol: PortProtocol,
): PairSetSpec {
  const where = within === null ? "anywhere" : addressSetKey(within);
  const digest = digestOf(["pairs", selectionKey(selection), where, portName, protocol]);
  const words = `${selectionWords(selection)}.${portName}.${protocol.toLowerCase()}`;
  return { name: contentName("n", words, digest) as PairSetName, selection, within, portName, protocol };
}

function addressSetKey(set: AddressSet): string {
  const family = (intervals: AddressSet["v4"]): string =>
    intervals.map(({ low, high }) => `${low.toString(16)}-${high.toString(16)}`).join(",");
  return `4:${family(set.v4)} 6:${family(set.v6)}`;
}

function matchKey(match: Match): string {
  if (match.kind === "pairs") return `pairs ${match.pairs} ${match.protocol}`;
  const { peers, ports } = match;
  const from = peers === null ? "anybody" : `${peers.groups.join(" ")} ${addressSetKey(peers.addresses)}`;
  const to = ports === null ? "all" : ports.map((port) => `${port.protocol}:${port.from}-${port.to}`).join(" ");
  return `peers ${from} / ${to}`;
}
