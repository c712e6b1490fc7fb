import type { ChainClause } from "../../../ir/ruleset.ts";
import { portProtocols, type PortProtocol } from "../../../net/protocol.ts";
import { contentHash } from "../names.ts";
import type { Rule } from "../program.ts";
import type { Statement, Verdict } from "../statement.ts";
import { ruleText } from "../text.ts";
import {
  acceptBlocks,
  acceptPairs,
  acceptsFamily,
  addChain,
  addressType,
  type ChainContext,
  countedRule,
  counterUse,
  familyIntervals,
  groupsOf,
  joinRules,
  membersSet,
  noRules,
  peerField,
  protocolNumber,
  type RuleList,
} from "./clause-rules.ts";
import { acceptDomains, domainsOf } from "./domain-lookups.ts";
import { firstMatchRules, type VerdictFor, withVerdict } from "./first-match.ts";
import type { MembersName, PartId } from "./part.ts";
import { orderedByPort } from "./port-classes.ts";
import { portMapRule } from "./port-maps.ts";

/** So few rules stand in line, one after the other: as fast as anything else, and easier to read. */
const mostLinear = 6;

/** How an ordered tier ends. */
export interface TierEnds {
  readonly verdictFor: VerdictFor;
  /** What decides where no clause matches. */
  readonly next: Verdict;
  readonly nextUses: readonly PartId[];
}

/**
 * An ordered tier: the first clause that matches decides, otherwise `next`. Its rules are the last of their chain. A
 * packet meets one lookup of its port and the few lookups of `firstMatchRules`: what a class of ports leads to holds
 * all that can match those ports, in order, those for every port too, and ends by going on to `next` itself (by a
 * goto, since in egress an accept comes back).
 */
export function tierRules(context: ChainContext, clauses: readonly ChainClause[], ends: TierEnds): RuleList {
  const relevant = relevantClauses(context, clauses);
  const next: RuleList = {
    rules: [{ statements: [{ kind: "verdict", verdict: ends.next }], comment: null }],
    uses: ends.nextUses,
  };
  if (relevant.reduce((sum, clause) => sum + linearRules(context, clause), 0) <= mostLinear) {
    const rules = withoutRepeats(relevant).map((clause) =>
      clauseRules(withVerdict(context, clause, ends.verdictFor), clause),
    );
    return joinRules([...rules, next]);
  }
  const portless = relevant.filter(({ match }) => match.kind === "peers" && match.ports === null);
  return joinRules([
    ...portProtocols.map((protocol) => protocolRules(context, protocol, relevant, { ...ends, next, portless })),
    firstMatchRules(context, portless, ends.verdictFor),
    next,
  ]);
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

const l4proto = (protocol: PortProtocol): Statement => ({ kind: "l4proto", protocol: protocolNumber[protocol] });

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

interface ListEnds {
  readonly verdictFor: VerdictFor;
  readonly next: RuleList;
  readonly portless: readonly ChainClause[];
}

/** Its classes of ports, then its other ports where some clause is for every port of this protocol. */
function protocolRules(
  context: ChainContext,
  protocol: PortProtocol,
  clauses: readonly ChainClause[],
  ends: ListEnds,
): RuleList {
  const { classes, otherPorts } = orderedByPort(clauses, protocol);
  const match = [l4proto(protocol)];
  const byPort = classes.map((one) => ({ ranges: one.ranges, chain: listChain(context, one.clauses, ends) }));
  const mapped = byPort.length === 0 ? noRules : portMapRule(context, match, byPort, "goto");
  if (otherPorts.length === ends.portless.length) return mapped;
  const chain = listChain(context, otherPorts, ends);
  const statements: Statement[] = [...match, { kind: "verdict", verdict: { kind: "goto", chain } }];
  return joinRules([mapped, { rules: [{ statements, comment: null } satisfies Rule], uses: [`chain ${chain}`] }]);
}

/** Named by its content, shared by all that go on to the same. */
function listChain(context: ChainContext, clauses: readonly ChainClause[], ends: ListEnds): string {
  const list = joinRules([firstMatchRules(context, clauses, ends.verdictFor), ends.next]);
  const short = context.direction === "ingress" ? "in" : "eg";
  const name = `tier-${short}${context.family}-${contentHash(list.rules.map(ruleText))}`;
  addChain(context, name, list);
  return name;
}
