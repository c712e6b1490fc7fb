import type { Clause, Direction, Policy, PolicyId, PortMatch } from "../policy/policy.ts";
import { compareInTier, compareText } from "../policy/tier-order.ts";
import type { Block } from "./block.ts";
import { blockOf, inBlock } from "./block.ts";
import type { Part, Verdict } from "./decision.ts";
import type { Likeness, PeerEnd } from "./likeness.ts";
import { picksAll } from "./likeness.ts";
import type { Target } from "./matching.ts";
import { portMatches } from "./matching.ts";
import { decidedBy } from "./reference.ts";

interface Rule {
  readonly policy: Policy;
  readonly clause: Clause;
}

/** A rule as it can match one other end. */
interface Candidate {
  readonly rule: Rule;
  readonly ports: readonly PortMatch[] | null;
  /** Null: this other end matches whatever its address; else only if one of the blocks holds it. */
  readonly blocks: readonly Block[] | null;
}

/** One rule of a list, and what becomes of it for other ends. */
interface Entry {
  readonly rule: Rule;
  /** For other ends that its peers match whatever their address. */
  readonly always: Candidate;
  /** For all others that have an address: only its blocks can match; null: it has none. */
  readonly byAddress: Candidate | null;
}

/**
 * The rules that some policies of one tier have for one direction, in the order in which they are asked. Which of them
 * can match other ends of a likeness is worked out once, when it is first asked.
 */
interface RuleList {
  readonly entries: readonly Entry[];
  /** By the key of the other end's likeness; rules that can never match are left out. */
  readonly byPeer: Map<number, readonly Candidate[]>;
  /** The round of the memory that `byPeer` is of. */
  round: number;
}

/** What decides one direction of all pods of a class. */
export interface Profile {
  readonly admin: RuleList;
  /** Null: nothing isolates. */
  readonly networkPolicy: RuleList | null;
  readonly baseline: RuleList;
  readonly isolatedBy: readonly PolicyId[];
  /** Isolated, and nothing matched. */
  readonly refused: Part;
  readonly fallback: Part;
  /** What rules answer for this class, those that have decided once. */
  readonly parts: Map<Rule, Part>;
}

function entriesOf(policy: Policy, direction: Direction): Entry[] {
  return (policy[direction] ?? []).map((clause) => {
    const rule = { policy, clause };
    const { peers, ports } = clause;
    const blocks = (peers ?? []).filter((peer) => peer.kind === "block").map((peer) => blockOf(peer.addresses));
    const byAddress = blocks.length === 0 ? null : { rule, ports, blocks };
    return { rule, always: { rule, ports, blocks: null }, byAddress };
  });
}

/** Makes profiles of one direction. Classes that the same policies of a tier select share that tier's list. */
export function profileMaker(direction: Direction): (policies: readonly Policy[], defaultVerdict: Verdict) => Profile {
  const numbers = new Map<Policy, number>();
  const lists = new Map<string, RuleList>();
  const numberOf = (policy: Policy): number => {
    const number = numbers.get(policy) ?? numbers.size;
    numbers.set(policy, number);
    return number;
  };
  const listOf = (policies: readonly Policy[]): RuleList => {
    const key = policies.map(numberOf).join();
    const known = lists.get(key);
    if (known !== undefined) return known;
    const entries = policies.flatMap((policy) => entriesOf(policy, direction));
    const list: RuleList = { entries, byPeer: new Map(), round: 0 };
    lists.set(key, list);
    return list;
  };
  return (policies, defaultVerdict) => {
    const ofTier = (tier: Policy["tier"]) => policies.filter((policy) => policy.tier === tier);
    const isolating = ofTier("networkpolicy").sort((a, b) => compareText(a.name, b.name) || compareText(a.id, b.id));
    const isolatedBy = isolating.map((policy) => policy.id);
    return {
      admin: listOf(ofTier("admin").sort(compareInTier)),
      networkPolicy: isolating.length === 0 ? null : listOf(isolating),
      baseline: listOf(ofTier("baseline").sort(compareInTier)),
      isolatedBy,
      refused: { verdict: "deny", tier: "networkpolicy", isolatedBy, decidedBy: null },
      fallback: { verdict: defaultVerdict, tier: "default", isolatedBy: [], decidedBy: null },
      parts: new Map(),
    };
  };
}

function candidateOf({ rule, always, byAddress }: Entry, other: Likeness): Candidate | null {
  const { peers } = rule.clause;
  if (peers === null || peers.some((peer) => picksAll(peer, other))) return always;
  return other.domain === null ? byAddress : null;
}

/**
 * How many answers to "which rules can match this other end" the lists of one evaluator may remember together; a long
 * answer counts for several. When they are used up, a new round begins, in which all start anew.
 */
export interface Memory {
  readonly most: number;
  round: number;
  left: number;
}

/** So many rules of an answer take as much memory as the answer itself. */
const rulesOfOne = 8;

const none: readonly Candidate[] = [];

function candidatesOf(list: RuleList, other: Likeness, memory: Memory): readonly Candidate[] {
  if (list.entries.length === 0) return none;
  if (list.round !== memory.round) {
    list.byPeer.clear();
    list.round = memory.round;
  }
  const known = list.byPeer.get(other.key);
  if (known !== undefined) return known;
  const candidates = list.entries.map((entry) => candidateOf(entry, other)).filter((candidate) => candidate !== null);
  list.byPeer.set(other.key, candidates);
  memory.left -= 1 + Math.floor(candidates.length / rulesOfOne);
  if (memory.left <= 0) {
    memory.round += 1;
    memory.left = memory.most;
  }
  return candidates;
}

/** The first rule that matches. */
function firstMatch(list: RuleList, peer: PeerEnd, target: Target, memory: Memory): Rule | null {
  for (const { rule, ports, blocks } of candidatesOf(list, peer.likeness, memory)) {
    if (ports !== null && !ports.some((port) => portMatches(port, target))) continue;
    if (blocks === null || blocks.some((block) => inBlock(block, peer))) return rule;
  }
  return null;
}

/** What a rule that matches answers for the pods of a profile; null: it passes. */
function partOf(profile: Profile, rule: Rule): Part | null {
  const known = profile.parts.get(rule);
  if (known !== undefined) return known;
  const { policy, clause } = rule;
  const { tier } = policy;
  if (tier !== "networkpolicy" && clause.action === "pass") return null;
  const verdict = tier === "networkpolicy" || clause.action === "accept" ? "allow" : "deny";
  const part: Part = { verdict, tier, isolatedBy: profile.isolatedBy, decidedBy: decidedBy(policy, clause) };
  profile.parts.set(rule, part);
  return part;
}

/** Decides one direction. Costs the rules that can match this other end, not the rules there are. */
export function decideByProfile(profile: Profile, peer: PeerEnd, target: Target, memory: Memory): Part {
  const ask = (list: RuleList): Part | null => {
    const rule = firstMatch(list, peer, target, memory);
    return rule === null ? null : partOf(profile, rule);
  };
  const admin = ask(profile.admin);
  if (admin !== null) return admin;
  if (profile.networkPolicy !== null) return ask(profile.networkPolicy) ?? profile.refused;
  return ask(profile.baseline) ?? profile.fallback;
}
