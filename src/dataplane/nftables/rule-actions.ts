import type { Chain, ChainClause } from "../../ir/ruleset.ts";
import type { Action, Direction, PolicyId } from "../../policy/policy.ts";

/** What a rule of a policy does to what it matches. */
export type RuleActions = (policy: PolicyId, direction: Direction, rule: number) => Action;

/**
 * As the chains have it that are enforced. Counters outlive what their rules do, so what a counter counts cannot say
 * it. Costs the clauses, those of a list once, however many chains have it.
 */
export function ruleActions(chains: Iterable<Chain>): RuleActions {
  const found = { ingress: new Map<PolicyId, Map<number, Action>>(), egress: new Map<PolicyId, Map<number, Action>>() };
  const seen = new Set<readonly ChainClause[]>();
  for (const { direction, admin, networkPolicy, baseline, audited } of chains) {
    if (audited.length > 0) continue;
    for (const clauses of [admin, networkPolicy ?? [], baseline]) {
      if (seen.has(clauses)) continue;
      seen.add(clauses);
      for (const { policy, rule, action } of clauses) {
        const rules = found[direction].get(policy) ?? new Map<number, Action>();
        found[direction].set(policy, rules.set(rule, action));
      }
    }
  }
  return (policy, direction, rule) => {
    const action = found[direction].get(policy)?.get(rule);
    if (action === undefined) throw new Error(`a counter of ${policy} ${direction}[${rule}], which no chain has`);
    return action;
  };
}
