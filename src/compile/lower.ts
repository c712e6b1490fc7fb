import type { AddressSet } from "../net/address-set.ts";
import { emptyAddresses, isEmptyAddresses, unionAddresses } from "../net/address-set.ts";
import type { DomainPattern } from "../net/domain-name.ts";
import { portSet } from "../net/port-set.ts";
import type { PortProtocol } from "../net/protocol.ts";
import { portProtocols } from "../net/protocol.ts";
import { selectorKey } from "../kube/selector.ts";
import type { NamedPort } from "../kube/objects.ts";
import type { PodSelection } from "../model/selection.ts";
import { everyPod, selectionKey } from "../model/selection.ts";
import type {
  ChainClause,
  DomainSet,
  DomainSetName,
  Group,
  GroupName,
  Match,
  PairSet,
  PairSetName,
  PeerMatch,
  Picks,
  PortRange,
} from "../ir/ruleset.ts";
import type { Action, Clause, Direction, Peer, Policy, PortMatch } from "../policy/policy.ts";
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
  readonly domainSets: readonly DomainSet[];
}

/** What the clauses of a part refer to, collected while they are made. */
interface References {
  readonly groups: Map<GroupName, GroupSpec>;
  readonly pairSets: Map<PairSetName, PairSetSpec>;
  readonly domainSets: Map<DomainSetName, DomainSet>;
}

/**
 * Lowers what a policy says about a direction. `subjectPorts` are the named ports that the subject declares: what
 * named ports of ingress rules mean. Null where the policy does not speak of the direction.
 */
export function lowerPart(policy: Policy, direction: Direction, subjectPorts: readonly NamedPort[]): Part | null {
  const rules = policy[direction];
  if (rules === null) return null;
  const found: References = { groups: new Map(), pairSets: new Map(), domainSets: new Map() };
  const clauses: ChainClause[] = [];
  for (const rule of rules) {
    const { action, matches } = lowerRule(rule, direction, resolvePorts(rule, direction, subjectPorts), found);
    for (const match of matches) clauses.push({ policy: policy.id, rule: rule.rule, action, match });
  }
  const matchKeys = clauses.map((clause) => matchKey(clause.match));
  const texts = clauses.map((clause, index) => `${clause.rule} ${clause.action} ${matchKeys[index]}`);
  // In audit it is another part: no chain that is enforced is one that is only audited.
  const mode = policy.mode === "audit" ? ["audit"] : [];
  const digest = digestOf([policy.id, ...mode, ...texts]);
  return {
    policy,
    clauses,
    matchKeys,
    digest,
    groups: [...found.groups.values()],
    pairSets: [...found.pairSets.values()],
    domainSets: [...found.domainSets.values()],
  };
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

interface LoweredRule {
  readonly action: Action;
  readonly matches: readonly Match[];
}

/**
 * What the kernel cannot be asked about fails closed. No decoder lets it through: names in a rule that does not
 * accept or of who may come in, and named ports that are looked up at a peer which is no pod.
 */
function lowerRule(rule: Clause, direction: Direction, ports: ResolvedPorts, found: References): LoweredRule {
  const names = rule.peers?.some(({ kind }) => kind === "domains") ?? false;
  const isNoPod = names || (rule.peers?.some(({ kind }) => kind === "nodes") ?? false);
  const accepts = rule.action === "accept";
  if ((names && (!accepts || direction === "ingress")) || (isNoPod && ports.names.length > 0)) {
    const all: Match = { kind: "peers", peers: null, ports: null };
    return accepts ? { action: "accept", matches: [] } : { action: "deny", matches: [all] };
  }
  const matches: Match[] = [];
  if (ports.ranges === null || ports.ranges.length > 0) {
    const peers = rule.peers === null ? null : lowerPeers(rule.peers, found);
    if (peers === null || !matchesNobody(peers)) matches.push({ kind: "peers", peers, ports: ports.ranges });
  }
  for (const { name, protocol } of ports.names) {
    for (const pairSet of pairSetsOf(rule.peers, name, protocol)) {
      found.pairSets.set(pairSet.name, pairSet);
      matches.push({ kind: "pairs", pairs: pairSet.name, protocol });
    }
  }
  return { action: rule.action, matches };
}

const matchesNobody = ({ groups, addresses, domains }: PeerMatch): boolean =>
  groups.length === 0 && isEmptyAddresses(addresses) && domains === null;

function lowerPeers(peers: readonly Peer[], found: References): PeerMatch {
  const names = new Set<GroupName>();
  for (const peer of peers) {
    const picks = picksOf(peer);
    if (picks === null) continue;
    const group = groupOf(picks);
    found.groups.set(group.name, group);
    names.add(group.name);
  }
  const domains = domainSetOf(peers.flatMap((peer) => (peer.kind === "domains" ? peer.patterns : [])));
  if (domains !== null) found.domainSets.set(domains.name, domains);
  return { groups: [...names].sort(), addresses: blocksOf(peers), domains: domains?.name ?? null };
}

/** All names of a rule in one set; null: it has none. One set for equal names, whoever uses them. */
function domainSetOf(named: readonly DomainPattern[]): DomainSet | null {
  if (named.length === 0) return null;
  const patterns = [...new Set(named)].sort();
  const words = patterns.slice(0, 2).join(".").replaceAll("*", "any");
  return { name: contentName("d", words, digestOf(["domains", ...patterns])) as DomainSetName, patterns };
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
  const from = peers === null ? "anybody" : peersKey(peers);
  const to = ports === null ? "all" : ports.map((port) => `${port.protocol}:${port.from}-${port.to}`).join(" ");
  return `peers ${from} / ${to}`;
}

function peersKey({ groups, addresses, domains }: PeerMatch): string {
  return `${[...groups, ...(domains === null ? [] : [domains])].join(" ")} ${addressSetKey(addresses)}`;
}
