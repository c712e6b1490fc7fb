import type { Cluster } from "../policy/cluster.ts";
import type { Clause, Direction, Policy, PolicyId, Tier } from "../policy/policy.ts";
import { compareInTier, compareText } from "../policy/tier-order.ts";
import type { OtherEnd, Target } from "./matching.ts";
import { clauseMatches } from "./matching.ts";

/** A rule that passed: where it sent the connection to. */
export interface Passed {
  readonly policy: PolicyId;
  readonly rule: number;
  readonly ruleName?: string;
  readonly to: Exclude<Tier, "admin"> | "default";
}

/** A rule that was asked and does not match. */
export interface Missed {
  readonly policy: Policy;
  readonly clause: Clause;
}

/** How one direction of a connection went through the tiers. */
export interface Walk {
  /** The policies that were asked, up to the one that decided. */
  readonly asked: ReadonlySet<PolicyId>;
  readonly missed: readonly Missed[];
  readonly passed: readonly Passed[];
  /** The rule that decided; null: none did. */
  readonly decided: Clause | null;
}

const tierRank: Readonly<Record<Tier, number>> = { admin: 0, networkpolicy: 1, baseline: 2 };

/** The order in which policies that select a pod are asked: by tier, and in it as semantics.md says. */
export function compareAsked(a: Policy, b: Policy): number {
  const inTier =
    a.tier === "networkpolicy" ? compareText(a.name, b.name) || compareText(a.id, b.id) : compareInTier(a, b);
  return tierRank[a.tier] - tierRank[b.tier] || inTier;
}

/** Goes through the tiers as `evaluate` does and notes what it meets. `policies` are those that select the subject. */
export function walk(
  cluster: Cluster,
  policies: readonly Policy[],
  direction: Direction,
  other: OtherEnd,
  target: Target,
): Walk {
  const counting = policies.filter(({ mode }) => mode === "enforce").sort(compareAsked);
  const hasTier = (tier: Tier): boolean => counting.some((policy) => policy.tier === tier);
  const asked = new Set<PolicyId>();
  const missed: Missed[] = [];
  const passed: Passed[] = [];
  const after = (tier: Tier): Passed["to"] => {
    if (tier === "admin" && hasTier("networkpolicy")) return "networkpolicy";
    return tier === "admin" && hasTier("baseline") ? "baseline" : "default";
  };
  /** The first rule of a tier that matches. */
  const ask = (tier: Tier): Clause | null => {
    for (const policy of counting.filter((one) => one.tier === tier)) {
      asked.add(policy.id);
      for (const clause of policy[direction] ?? []) {
        if (!clauseMatches(cluster, clause, other, target)) {
          missed.push({ policy, clause });
          continue;
        }
        if (clause.action !== "pass") return clause;
        const { rule, ruleName } = clause;
        passed.push({ policy: policy.id, rule, ...(ruleName === null ? {} : { ruleName }), to: after(tier) });
        return null;
      }
    }
    return null;
  };
  const decided = ask("admin") ?? ask(hasTier("networkpolicy") ? "networkpolicy" : "baseline");
  return { asked, missed, passed, decided };
}
