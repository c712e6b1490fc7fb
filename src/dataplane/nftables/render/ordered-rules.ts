import type { Action } from "../../../policy/policy.ts";
import type { ChainClause } from "../../../ir/ruleset.ts";
import type { Statement, Verdict } from "../statement.ts";
import {
  acceptBlocks,
  acceptPairs,
  acceptsFamily,
  type ChainContext,
  countedRule,
  counterUse,
  addressType,
  joinRules,
  membersSet,
  peerField,
  protocolNumber,
  type RuleList,
} from "./clause-rules.ts";
import { acceptDomains } from "./domain-lookups.ts";

/**
 * Clauses of an ordered tier, one after the other: the first that matches decides. Linear for now: what a packet pays
 * grows with the rules of these tiers.
 */
export function orderedRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: (action: Action) => Verdict,
): RuleList {
  return joinRules(clauses.map((clause) => clauseRules({ ...context, accepted: verdictFor(clause.action) }, clause)));
}

/** In this context `accepted` is what the clause does, whatever that is. */
function clauseRules(context: ChainContext, clause: ChainClause): RuleList {
  const { match } = clause;
  if (match.kind === "pairs") {
    return acceptPairs(context, [{ kind: "l4proto", protocol: protocolNumber[match.protocol] }], [clause]);
  }
  return joinRules(portMatches(clause).map((ports) => peerRules(context, ports, clause)));
}

function portMatches({ match }: ChainClause): readonly (readonly Statement[])[] {
  if (match.kind === "pairs" || match.ports === null) return [[]];
  return match.ports.map(({ protocol, from, to }): Statement[] => {
    const l4proto: Statement = { kind: "l4proto", protocol: protocolNumber[protocol] };
    return from === 0 && to === 65535 ? [l4proto] : [l4proto, { kind: "backend-port", from, to }];
  });
}

function peerRules(context: ChainContext, ports: readonly Statement[], clause: ChainClause): RuleList {
  if (acceptsFamily(context.family, clause)) {
    return { rules: [countedRule(context, clause, ports, context.accepted)], uses: [counterUse(context, clause)] };
  }
  const groups = clause.match.kind === "peers" ? (clause.match.peers?.groups ?? []) : [];
  const lists = groups.map((group): RuleList => {
    const set = membersSet(context, group, [addressType(context.family)]);
    const lookup: Statement = { kind: "lookup", key: [peerField(context)], set };
    const rule = countedRule(context, clause, [...ports, lookup], context.accepted);
    return { rules: [rule], uses: [`set ${set}`, counterUse(context, clause)] };
  });
  return joinRules([...lists, acceptBlocks(context, ports, [clause]), acceptDomains(context, ports, [clause])]);
}
