import type { Labels } from "../kube/labels.ts";
import { matches } from "../kube/selector.ts";
import type { AddressInterval, AddressSet } from "../net/address-set.ts";
import type { Clause, Direction, PodSelection, Policy, PolicyId, PortMatch } from "../policy/policy.ts";
import { compareInTier, compareText } from "../policy/tier-order.ts";
import type { Part, Verdict } from "./decision.ts";
import type { Target } from "./matching.ts";
import { portMatches } from "./matching.ts";
import { decidedBy } from "./reference.ts";

/** Pods that no policy can tell apart by selectors: same namespace, same labels. */
export interface PodClass {
  readonly id: number;
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

/** One rule of a profile; `part` is the answer where it decides, null where it passes. */
interface Entry {
  readonly clause: Clause;
  readonly part: Part | null;
}

/** What one tier of a profile does for one other end: its rules in order, those that can never match left out. */
type Candidates = readonly Candidate[];

interface Candidate {
  readonly part: Part | null;
  readonly ports: readonly PortMatch[] | null;
  /** Null: this other end matches whatever its address; else only if one of the blocks holds it. */
  readonly blocks: readonly AddressSet[] | null;
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
  /** By class of the other end; -1: no pod. */
  readonly byPeer: Map<number, Tiers<Candidates>>;
}

/** The other end of a query. */
export interface PeerEnd {
  readonly podClass: PodClass | null;
  readonly family: 4 | 6;
  /** Its address as a number, worked out only where a rule has blocks. */
  value(): bigint;
}

function entriesOf(policy: Policy, direction: Direction, isolatedBy: readonly PolicyId[]): Entry[] {
  return (policy[direction] ?? []).map((clause) => {
    if (policy.tier === "networkpolicy" || clause.action !== "pass") {
      const verdict: Verdict = policy.tier === "networkpolicy" || clause.action === "accept" ? "allow" : "deny";
      return { clause, part: { verdict, tier: policy.tier, isolatedBy, decidedBy: decidedBy(policy, clause) } };
    }
    return { clause, part: null };
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
  };
}

function candidateOf(entry: Entry, peer: PodClass | null): Candidate | null {
  const { peers, ports } = entry.clause;
  if (peers === null) return { part: entry.part, ports, blocks: null };
  const blocks: AddressSet[] = [];
  for (const one of peers) {
    if (one.kind === "block") blocks.push(one.addresses);
    else if (peer !== null && selectsClass(one.selection, peer)) return { part: entry.part, ports, blocks: null };
  }
  return blocks.length === 0 ? null : { part: entry.part, ports, blocks };
}

function candidatesFor(profile: Profile, peer: PodClass | null): Tiers<Candidates> {
  const pick = (entries: readonly Entry[]): Candidates =>
    entries.map((entry) => candidateOf(entry, peer)).filter((candidate) => candidate !== null);
  const { admin, networkPolicy, baseline } = profile.tiers;
  return {
    admin: pick(admin),
    networkPolicy: networkPolicy === null ? null : pick(networkPolicy),
    baseline: pick(baseline),
  };
}

/** Binary search in ascending, disjoint intervals. */
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
    if (blocks === null) return candidate;
    const value = peer.value();
    if (blocks.some((set) => inIntervals(peer.family === 4 ? set.v4 : set.v6, value))) return candidate;
  }
  return null;
}

/** Most classes of other ends that one profile remembers; beyond, it starts anew. */
const mostPeers = 20_000;

/** Decides one direction. Costs the rules that can match this other end, not the rules there are. */
export function decideByProfile(profile: Profile, peer: PeerEnd, target: Target): Part {
  const key = peer.podClass?.id ?? -1;
  let candidates = profile.byPeer.get(key);
  if (candidates === undefined) {
    candidates = candidatesFor(profile, peer.podClass);
    if (profile.byPeer.size >= mostPeers) profile.byPeer.clear();
    profile.byPeer.set(key, candidates);
  }
  const admin = firstMatch(candidates.admin, peer, target);
  if (admin !== null && admin.part !== null) return admin.part;
  if (candidates.networkPolicy !== null) {
    return firstMatch(candidates.networkPolicy, peer, target)?.part ?? profile.refused;
  }
  return firstMatch(candidates.baseline, peer, target)?.part ?? profile.fallback;
}
