import type { Labels } from "../kube/labels.ts";
import { matches } from "../kube/selector.ts";
import type { AddressInterval, AddressSet } from "../net/address-set.ts";
import type { Address, Family } from "../net/address.ts";
import { addressValue, familyOf } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { domainMatches } from "../net/domain-name.ts";
import type { Clause, Direction, Peer, PodSelection, Policy, PolicyId, PortMatch } from "../policy/policy.ts";
import { compareInTier, compareText } from "../policy/tier-order.ts";
import type { Part, Verdict } from "./decision.ts";
import type { Target } from "./matching.ts";
import { holdsWholeFamily, portMatches } from "./matching.ts";
import { decidedBy } from "./reference.ts";

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

/** One rule of a profile, and what becomes of it for other ends. */
interface Entry {
  readonly clause: Clause;
  /** For other ends that its peers match whatever their address. */
  readonly always: Candidate;
  /** For all others that have an address: only its blocks can match; null: it has none. */
  readonly byAddress: Candidate | null;
}

/** What one tier of a profile does for one other end: its rules in order, those that can never match left out. */
type Candidates = readonly Candidate[];

interface Candidate {
  /** The answer where the rule decides; null: it passes. */
  readonly part: Part | null;
  readonly ports: readonly PortMatch[] | null;
  /** Null: this other end matches whatever its address; else only if one of the blocks holds it. */
  readonly blocks: readonly Block[] | null;
}

/** A set of addresses for fast look-up: IPv4 as pairs of plain numbers, which cost a tenth of bigints. */
interface Block {
  readonly v4: Float64Array;
  readonly v6: readonly AddressInterval[];
}

interface Tiers<List> {
  readonly admin: List;
  /** Null: nothing isolates. */
  readonly networkPolicy: List | null;
  readonly baseline: List;
}

/**
 * The policies of one direction of all pods of a class, in the order in which they are asked. What it does for an
 * other end of some class is worked out once, when it is first asked.
 */
export interface Profile {
  readonly tiers: Tiers<readonly Entry[]>;
  /** Isolated, and nothing matched. */
  readonly refused: Part;
  readonly fallback: Part;
  /** By the key of the other end's likeness. */
  readonly byPeer: Map<number, Tiers<Candidates>>;
  /** The round of the memory that `byPeer` is of. */
  round: number;
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

function entriesOf(policy: Policy, direction: Direction, isolatedBy: readonly PolicyId[]): Entry[] {
  return (policy[direction] ?? []).map((clause) => {
    const accepts = policy.tier === "networkpolicy" || clause.action === "accept";
    const passes = policy.tier !== "networkpolicy" && clause.action === "pass";
    const verdict: Verdict = accepts ? "allow" : "deny";
    const part = passes ? null : { verdict, tier: policy.tier, isolatedBy, decidedBy: decidedBy(policy, clause) };
    const { ports } = clause;
    const blocks = (clause.peers ?? []).filter((peer) => peer.kind === "block").map((peer) => blockOf(peer.addresses));
    const byAddress = blocks.length === 0 ? null : { part, ports, blocks };
    return { clause, always: { part, ports, blocks: null }, byAddress };
  });
}

/** `policies` are those in force that select the class and speak of the direction. */
export function profileOf(policies: readonly Policy[], direction: Direction, defaultVerdict: Verdict): Profile {
  const ofTier = (tier: Policy["tier"]) => policies.filter((policy) => policy.tier === tier);
  const isolating = ofTier("networkpolicy").sort((a, b) => compareText(a.name, b.name) || compareText(a.id, b.id));
  const isolatedBy = isolating.map((policy) => policy.id);
  const entries = (list: readonly Policy[]) => list.flatMap((policy) => entriesOf(policy, direction, isolatedBy));
  return {
    tiers: {
      admin: entries(ofTier("admin").sort(compareInTier)),
      networkPolicy: isolating.length === 0 ? null : entries(isolating),
      baseline: entries(ofTier("baseline").sort(compareInTier)),
    },
    refused: { verdict: "deny", tier: "networkpolicy", isolatedBy, decidedBy: null },
    fallback: { verdict: defaultVerdict, tier: "default", isolatedBy: [], decidedBy: null },
    byPeer: new Map(),
    round: 0,
  };
}

const blocksBySet = new WeakMap<AddressSet, Block>();

function blockOf(set: AddressSet): Block {
  const known = blocksBySet.get(set);
  if (known !== undefined) return known;
  const block = { v4: Float64Array.from(set.v4.flatMap(({ low, high }) => [Number(low), Number(high)])), v6: set.v6 };
  blocksBySet.set(set, block);
  return block;
}

function candidateOf(entry: Entry, other: Likeness): Candidate | null {
  const { peers } = entry.clause;
  if (peers === null || peers.some((peer) => picksAll(peer, other))) return entry.always;
  return other.domain === null ? entry.byAddress : null;
}

/** Whether a peer matches every end of this likeness, whatever its address. */
function picksAll(peer: Peer, { podClass, nodes, domain }: Likeness): boolean {
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

const none: Candidates = [];

function candidatesFor(profile: Profile, other: Likeness): Tiers<Candidates> {
  const pick = (entries: readonly Entry[]): Candidates => {
    if (entries.length === 0) return none;
    return entries.map((entry) => candidateOf(entry, other)).filter((candidate) => candidate !== null);
  };
  const { admin, networkPolicy, baseline } = profile.tiers;
  return {
    admin: pick(admin),
    networkPolicy: networkPolicy === null ? null : pick(networkPolicy),
    baseline: pick(baseline),
  };
}

function inBlock(block: Block, peer: PeerEnd): boolean {
  if (peer.v4 >= 0) return inPairs(block.v4, peer.v4);
  return peer.address !== null && inIntervals(block.v6, addressValue(peer.address));
}

/** Binary search in ascending, disjoint intervals, each its two ends. */
function inPairs(pairs: Float64Array, value: number): boolean {
  let low = 0;
  let high = pairs.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (value < (pairs[2 * middle] ?? 0)) high = middle - 1;
    else if (value > (pairs[2 * middle + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}

/** The same in intervals of bigints. */
function inIntervals(intervals: readonly AddressInterval[], value: bigint): boolean {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const interval = intervals[middle];
    if (interval === undefined || value < interval.low) high = middle - 1;
    else if (value > interval.high) low = middle + 1;
    else return true;
  }
  return false;
}

function firstMatch(candidates: Candidates, peer: PeerEnd, target: Target): Candidate | null {
  for (const candidate of candidates) {
    const { ports, blocks } = candidate;
    if (ports !== null && !ports.some((port) => portMatches(port, target))) continue;
    if (blocks === null || blocks.some((block) => inBlock(block, peer))) return candidate;
  }
  return null;
}

/**
 * How many answers to "which rules can match this other end" the profiles of one evaluator may remember together. When
 * they are used up, a new round begins, in which all start anew.
 */
export interface Memory {
  readonly most: number;
  round: number;
  left: number;
}

function rememberedCandidates(profile: Profile, other: Likeness, memory: Memory): Tiers<Candidates> {
  if (profile.round !== memory.round) {
    profile.byPeer.clear();
    profile.round = memory.round;
  }
  const known = profile.byPeer.get(other.key);
  if (known !== undefined) return known;
  const candidates = candidatesFor(profile, other);
  profile.byPeer.set(other.key, candidates);
  memory.left -= 1;
  if (memory.left <= 0) {
    memory.round += 1;
    memory.left = memory.most;
  }
  return candidates;
}

/** Decides one direction. Costs the rules that can match this other end, not the rules there are. */
export function decideByProfile(profile: Profile, peer: PeerEnd, target: Target, memory: Memory): Part {
  const candidates = rememberedCandidates(profile, peer.likeness, memory);
  const admin = firstMatch(candidates.admin, peer, target);
  if (admin !== null && admin.part !== null) return admin.part;
  if (candidates.networkPolicy !== null) {
    return firstMatch(candidates.networkPolicy, peer, target)?.part ?? profile.refused;
  }
  return firstMatch(candidates.baseline, peer, target)?.part ?? profile.fallback;
}
