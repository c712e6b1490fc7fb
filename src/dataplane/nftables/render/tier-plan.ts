import type { ChainClause } from "../../../ir/ruleset.ts";
import { portProtocols, type PortProtocol } from "../../../net/protocol.ts";
import { contentHash } from "../names.ts";
import type { Statement, Verdict } from "../statement.ts";
import { verdictText } from "../text.ts";
import {
  acceptBlocks,
  acceptPairs,
  acceptsFamily,
  addressType,
  type ChainContext,
  countedRule,
  counterUse,
  familyIntervals,
  groupsOf,
  joinRules,
  membersSet,
  peerField,
  protocolNumber,
  type RuleList,
} from "./clause-rules.ts";
import { acceptDomains, domainsOf } from "./domain-lookups.ts";
import { firstMatchRules, type VerdictFor, withVerdict } from "./first-match.ts";
import { Parts, type MembersName, type Plan } from "./part.ts";
import { createSharedStretches, type SharedStretches } from "./shared-stretches.ts";
import { endsOf, listPlan, type ListPlan } from "./list-plan.ts";
import { orderedByPort, type PortClass } from "./port-classes.ts";

/** So few rules stand in line, one after the other: as fast as anything else, and easier to read. */
const mostLinear = 6;

/** Stands in a plan for what decides where a tier does not. */
export const nextOfTier: Verdict = { kind: "goto", chain: "next" };

export interface PortsPlan {
  readonly protocol: PortProtocol;
  readonly classes: readonly { readonly ranges: PortClass["ranges"]; readonly list: ListPlan }[];
  /** For the ports in no class; null: nothing is for every port of this protocol. */
  readonly otherPorts: ListPlan | null;
}

/** An ordered tier, but for what is next. */
export interface TierPlan {
  /** What tells it from all others. */
  readonly content: string;
  readonly byPort: readonly PortsPlan[];
  /** What all other packets are asked. */
  readonly inLine: ListPlan;
  /** What the rules need. */
  readonly parts: Plan;
}

/** By list of clauses, which many chains share, and by what else counts. */
const planned = new WeakMap<readonly ChainClause[], Map<string, TierPlan>>();

export function tierPlan(context: ChainContext, clauses: readonly ChainClause[], denied: Verdict): TierPlan {
  const { direction, family, counts, accepted, tiers } = context;
  const key = [direction, String(family), counts, tiers, verdictText(accepted), verdictText(denied)].join();
  const plans = planned.get(clauses) ?? new Map<string, TierPlan>();
  planned.set(clauses, plans);
  const found = plans.get(key);
  if (found !== undefined) return found;
  const verdictFor: VerdictFor = (action) => (action === "accept" ? accepted : action === "deny" ? denied : nextOfTier);
  const lists = planTier({ ...context, parts: new Parts() }, clauses, verdictFor, key);
  const plan = { ...lists, content: contentHash([key, ...contentOf(lists)]) };
  plans.set(key, plan);
  return plan;
}

function contentOf({ byPort, inLine }: Omit<TierPlan, "content">): readonly string[] {
  const ports = byPort.flatMap(({ protocol, classes, otherPorts }) => [
    protocol,
    ...classes.flatMap(({ ranges, list }) => [...ranges.map(({ from, to }) => `${from}-${to}`), list.content]),
    otherPorts?.content ?? "",
  ]);
  return [...ports, inLine.content];
}

function planTier(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: VerdictFor,
  key: string,
): Omit<TierPlan, "content"> {
  const relevant = relevantClauses(context, clauses);
  const { parts, tiers } = context;
  const count = relevant.reduce((sum, clause) => sum + linearRules(context, clause), 0);
  if (tiers === "in line" || count <= mostLinear) {
    const rules = withoutRepeats(relevant).map((clause) =>
      clauseRules(withVerdict(context, clause, verdictFor), clause),
    );
    return { byPort: [], inLine: listPlan(joinRules(rules), null), parts };
  }
  const portless = relevant.filter(({ match }) => match.kind === "peers" && match.ports === null);
  const shared = createSharedStretches();
  parts.takeIn(shared.parts);
  const rest = listPlan(firstMatchRules(context, portless, verdictFor, shared), null);
  const ends = tiers === "shared" ? endsOf(rest) : null;
  const list = (of: readonly ChainClause[]): ListPlan =>
    listPlan(rememberedRules(context, of, verdictFor, key, shared), ends);
  const byPort = portProtocols.map((protocol): PortsPlan => {
    const { classes, otherPorts } = orderedByPort(relevant, protocol);
    return {
      protocol,
      classes: classes.map((one) => ({ ranges: one.ranges, list: list(one.clauses) })),
      otherPorts: otherPorts.length === portless.length ? null : list(otherPorts),
    };
  });
  const inLine = tiers === "shared" ? { rules: joinRules([]), content: rest.content, end: rest } : rest;
  return { byPort, inLine, parts };
}

interface Remembered {
  readonly rules: RuleList;
  readonly parts: Parts;
}

/** Lists by their first clause that is for some ports, the last few of each. Most outlive a change of another policy. */
const remembered = new WeakMap<ChainClause, Map<string, Remembered>>();
const mostRemembered = 8;
const clauseNumbers = new WeakMap<ChainClause, number>();
let lastNumber = 0;

function numberOf(clause: ChainClause): number {
  const number = clauseNumbers.get(clause) ?? ++lastNumber;
  clauseNumbers.set(clause, number);
  return number;
}

/** The rules of one list; `key` says what they depend on beside the clauses. */
function rememberedRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: VerdictFor,
  key: string,
  shared: SharedStretches,
): RuleList {
  const first = clauses.find(({ match }) => match.kind === "pairs" || match.ports !== null);
  if (first === undefined) return firstMatchRules(context, clauses, verdictFor, shared);
  const lists = remembered.get(first) ?? new Map<string, Remembered>();
  remembered.set(first, lists);
  const id = contentHash([key, clauses.map(numberOf).join(" ")]);
  let found = lists.get(id);
  if (found === undefined) {
    const parts = new Parts();
    parts.takeIn(shared.parts);
    found = { rules: firstMatchRules({ ...context, parts }, clauses, verdictFor, shared), parts };
    const [oldest] = lists.keys();
    if (lists.size >= mostRemembered && oldest !== undefined) lists.delete(oldest);
    lists.set(id, found);
  }
  context.parts.absorb(found.parts);
  return found.rules;
}

/** Those that anything of this family can match, up to the first that matches all of it. */
function relevantClauses(context: ChainContext, clauses: readonly ChainClause[]): readonly ChainClause[] {
  const relevant = clauses.filter(
    (clause) =>
      clause.match.kind === "pairs" || acceptsFamily(context.family, clause) || lookupCount(context, clause) > 0,
  );
  const all = relevant.findIndex(
    (clause) => clause.match.kind === "peers" && clause.match.ports === null && acceptsFamily(context.family, clause),
  );
  return all === -1 ? relevant : relevant.slice(0, all + 1);
}

/** Without groups that an earlier clause for every port asks: who is in them has gone there. */
function withoutRepeats(clauses: readonly ChainClause[]): readonly ChainClause[] {
  const asked = new Set<MembersName>();
  return clauses.map((clause) => {
    const { match } = clause;
    if (match.kind === "pairs" || match.peers === null) return clause;
    const groups = match.peers.groups.filter((group) => !asked.has(group));
    if (match.ports === null) for (const group of groups) asked.add(group);
    return { ...clause, match: { ...match, peers: { ...match.peers, groups } } };
  });
}

/** Of addresses. */
function lookupCount(context: ChainContext, clause: ChainClause): number {
  if (acceptsFamily(context.family, clause)) return 0;
  const domains = context.direction === "egress" && domainsOf(clause) !== null ? 2 : 0;
  return groupsOf(clause).length + (familyIntervals(context.family, clause).length > 0 ? 1 : 0) + domains;
}

function linearRules(context: ChainContext, clause: ChainClause): number {
  return portMatches(clause).length * Math.max(1, lookupCount(context, clause));
}

function clauseRules(context: ChainContext, clause: ChainClause): RuleList {
  const { match } = clause;
  if (match.kind === "pairs") return acceptPairs(context, [l4proto(match.protocol)], [clause]);
  return joinRules(portMatches(clause).map((ports) => peerRules(context, ports, clause)));
}

export const l4proto = (protocol: PortProtocol): Statement => ({ kind: "l4proto", protocol: protocolNumber[protocol] });

function portMatches({ match }: ChainClause): readonly (readonly Statement[])[] {
  if (match.kind === "pairs" || match.ports === null) return [[]];
  return match.ports.map(({ protocol, from, to }): Statement[] =>
    from === 0 && to === 65535 ? [l4proto(protocol)] : [l4proto(protocol), { kind: "backend-port", from, to }],
  );
}

function peerRules(context: ChainContext, ports: readonly Statement[], clause: ChainClause): RuleList {
  if (acceptsFamily(context.family, clause)) {
    return { rules: [countedRule(context, clause, ports, context.accepted)], uses: [counterUse(context, clause)] };
  }
  const lists = groupsOf(clause).map((group): RuleList => {
    const set = membersSet(context, group, [addressType(context.family)]);
    const lookup: Statement = { kind: "lookup", key: [peerField(context)], set };
    const rule = countedRule(context, clause, [...ports, lookup], context.accepted);
    return { rules: [rule], uses: [`set ${set}`, counterUse(context, clause)] };
  });
  return joinRules([...lists, acceptBlocks(context, ports, [clause]), acceptDomains(context, ports, [clause])]);
}
