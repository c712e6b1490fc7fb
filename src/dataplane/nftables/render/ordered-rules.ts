import type { ChainClause } from "../../../ir/ruleset.ts";
import { contentHash } from "../names.ts";
import type { ProgramSet, Rule } from "../program.ts";
import type { Statement, Verdict } from "../statement.ts";
import { verdictText } from "../text.ts";
import {
  addChain,
  addressType,
  type ChainContext,
  joinRules,
  noRules,
  ownField,
  type RuleList,
} from "./clause-rules.ts";
import { type PartId, Parts, type Plan } from "./part.ts";
import { portMapRule } from "./port-maps.ts";
import type { ListPlan } from "./list-plan.ts";
import { l4proto, nextOfTier, type PortsPlan, type TierPlan, tierPlan } from "./tier-plan.ts";

/** How an ordered tier ends. */
export interface TierEnds {
  readonly denied: Verdict;
  /** What decides where no clause matches, or one that passes. */
  readonly next: Verdict;
  readonly nextUses: readonly PartId[];
}

/**
 * An ordered tier: the first clause that matches decides, otherwise `next`. Its rules are the last of their chain. A
 * packet meets one lookup of its port and the few lookups of `firstMatchRules`: what a class of ports leads to holds
 * all that can match those ports, in order, those for every port too, and ends by going on to `next` itself (by a
 * goto, since in egress an accept comes back). Many chains have the same tier and differ in what is next: all but
 * that is planned once.
 */
export function tierRules(context: ChainContext, clauses: readonly ChainClause[], ends: TierEnds): RuleList {
  const plan = tierPlan(context, clauses, ends.denied);
  context.parts.takeIn(plan.parts);
  const leaving: Rule = { statements: [{ kind: "verdict", verdict: ends.next }], comment: null };
  const tier: Tier = { context, ends, plan, ending: { rules: [leaving], uses: ends.nextUses } };
  return joinRules([...plan.byPort.map((ports) => portsRules(tier, ports)), lastRules(tier, plan.inLine)]);
}

/** More lists than this are not made for each endpoint chain again. */
const mostOwnLists = 6;

/** Whether it has so many lists that one more lookup is a small price. */
export function isWorthSharing(context: ChainContext, clauses: readonly ChainClause[], denied: Verdict): boolean {
  const { byPort } = tierPlan(context, clauses, denied);
  return byPort.reduce((sum, { classes }) => sum + classes.length, 0) > mostOwnLists;
}

/**
 * The tier as a chain of its own for all endpoints that have it, whatever stands below: there each goes on to where its
 * address leads in a map. The map belongs to this very tier: who gets another tier and another chain below at once is
 * in the map of the old one until nobody can be on the way in it.
 */
export function sharedTierRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  ends: TierEnds,
  below: string,
): RuleList {
  const plan = tierPlan(context, clauses, ends.denied);
  let shared = sharedTiers.get(plan);
  if (shared === undefined) sharedTiers.set(plan, (shared = sharedTier(context, clauses, ends, plan)));
  context.parts.takeIn(shared.parts);
  return {
    rules: [{ statements: [{ kind: "verdict", verdict: goto(shared.tier) }], comment: null }],
    uses: [`chain ${shared.tier}`, ...ends.nextUses],
    below: { map: shared.map, chain: below },
  };
}

interface SharedTier {
  readonly tier: string;
  readonly map: string;
  readonly parts: Plan;
}

const sharedTiers = new WeakMap<TierPlan, SharedTier>();

function sharedTier(
  endpoint: ChainContext,
  clauses: readonly ChainClause[],
  ends: TierEnds,
  { content }: TierPlan,
): SharedTier {
  const context = { ...endpoint, parts: new Parts() };
  const of = `${context.direction === "ingress" ? "in" : "eg"}${context.family}-${content}`;
  const map: ProgramSet = {
    name: `below-${of}`,
    key: [addressType(context.family)],
    data: "verdict",
    interval: false,
    size: null,
    comment: "pods of this node: what decides where the tier above does not",
    elements: new Map(),
  };
  context.parts.set(`set ${map.name}`, { id: `set ${map.name}`, uses: [], object: { kind: "set", set: map } });
  const lookup: Statement = { kind: "verdict-map", key: [ownField(context)], map: map.name };
  const rules = [{ statements: [lookup], comment: null }];
  const next = addChain(context, map.name, { rules, uses: [`set ${map.name}`] });
  const tier = `tier-${of}`;
  addChain(context, tier, tierRules(context, clauses, { ...ends, next: goto(map.name), nextUses: [next] }));
  return { tier, map: map.name, parts: context.parts };
}

const goto = (chain: string): Verdict => ({ kind: "goto", chain });

interface Tier {
  readonly context: ChainContext;
  readonly ends: TierEnds;
  readonly plan: TierPlan;
  /** What a list ends with. */
  readonly ending: RuleList;
}

/** The classes of ports of one protocol, then its other ports where some clause is for every port of this protocol. */
function portsRules(tier: Tier, { protocol, classes, otherPorts }: PortsPlan): RuleList {
  const match = [l4proto(protocol)];
  const byPort = classes.map(({ ranges, list }) => ({ ranges, chain: listChain(tier, list) }));
  const mapped = byPort.length === 0 ? noRules : portMapRule(tier.context, match, byPort, "goto");
  if (otherPorts === null) return mapped;
  const chain = listChain(tier, otherPorts);
  const statements: Statement[] = [...match, { kind: "verdict", verdict: { kind: "goto", chain } }];
  return joinRules([mapped, { rules: [{ statements, comment: null }], uses: [`chain ${chain}`] }]);
}

/** Named by its content, shared by all that go on to the same. */
function listChain(tier: Tier, list: ListPlan): string {
  const { context, ends } = tier;
  const short = context.direction === "ingress" ? "in" : "eg";
  const content = contentHash([list.content, verdictText(ends.next)]);
  const name = `tier-${short}${context.family}-${content}`;
  if (!context.parts.has(`chain ${name}`)) addChain(context, name, lastRules(tier, list));
  return name;
}

/** The list, and how it ends: with `next`, or with the list that it shares its end with. */
function lastRules(tier: Tier, list: ListPlan): RuleList {
  const { rules, uses } = list.rules;
  const own: RuleList = { rules: rules.map((rule) => leadingTo(tier.ends.next, rule)), uses };
  if (list.end === null) return joinRules([own, tier.ending]);
  const chain = listChain(tier, list.end);
  const statements: Statement[] = [{ kind: "verdict", verdict: { kind: "goto", chain } }];
  return joinRules([own, { rules: [{ statements, comment: null }], uses: [`chain ${chain}`] }]);
}

function leadingTo(verdict: Verdict, rule: Rule): Rule {
  const last = rule.statements.at(-1);
  if (last?.kind !== "verdict" || last.verdict !== nextOfTier) return rule;
  return { ...rule, statements: [...rule.statements.slice(0, -1), { kind: "verdict", verdict }] };
}
