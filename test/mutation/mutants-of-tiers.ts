import type { Mutant } from "./mutant.ts";

/** The order in which policies of all tiers are asked, and what their rules match and do. */
const evaluated: readonly Mutant[] = [
  {
    line: "tiers: Admin comes first",
    file: "src/evaluate/reference.ts",
    text: `decideOrderedTier(cluster, "admin", policies, direction, other, target, isolatedBy) ??`,
    replacement: ``,
  },
  {
    line: "tiers: NetworkPolicy comes before Baseline",
    file: "src/evaluate/reference.ts",
    text: `decideNetworkPolicies(cluster, policies, direction, other, target, isolatedBy) ??`,
    replacement: `decideOrderedTier(cluster, "baseline", policies, direction, other, target, isolatedBy) ??\n    decideNetworkPolicies(cluster, policies, direction, other, target, isolatedBy) ??`,
  },
  {
    line: "tiers: pods that nothing isolates fall to Baseline",
    file: "src/evaluate/reference.ts",
    text: `decideOrderedTier(cluster, "baseline", policies, direction, other, target, isolatedBy) ??`,
    replacement: ``,
  },
  {
    line: "tiers: the first rule that matches decides, with its own action",
    file: "src/evaluate/reference.ts",
    text: `const verdict = clause.action === "accept" ? "allow" : "deny";`,
    replacement: `const verdict = clause.action !== "pass" ? "allow" : "deny";`,
  },
  {
    line: "tiers: Pass leaves the tier",
    file: "src/evaluate/reference.ts",
    text: `if (clause.action === "pass") return null;`,
    replacement: `if (clause.action === "pass") continue;`,
  },
  {
    line: "tiers: ascending priority",
    file: "src/policy/tier-order.ts",
    text: `return a.priority - b.priority ||`,
    replacement: `return b.priority - a.priority ||`,
  },
  {
    line: "tiers: at equal priorities ClusterNetworkPolicy comes first",
    file: "src/policy/tier-order.ts",
    text: `(policy.kind === "ClusterNetworkPolicy" ? 0 : 1);`,
    replacement: `(policy.kind === "ClusterNetworkPolicy" ? 1 : 0);`,
  },
  {
    line: "tiers: at equal priorities the order is by name",
    file: "src/policy/tier-order.ts",
    text: `kindRank(a) - kindRank(b) || compareText(a.name, b.name)`,
    replacement: `kindRank(a) - kindRank(b) || compareText(b.name, a.name)`,
  },
  {
    line: "tiers: all policies that select the subject, each by its priority",
    file: "src/evaluate/reference.ts",
    text: `policies.filter((one) => one.tier === tier).sort(compareInTier)`,
    replacement: `policies.filter((one) => one.tier === tier)`,
  },
  {
    line: "rule 5: nodes matches every address in status.addresses",
    file: "src/evaluate/standing.ts",
    text: `nodes.filter((node) => node.addresses.some((entry) => entry.address === address));`,
    replacement: `nodes.filter((node) => node.addresses[0]?.address === address);`,
  },
  {
    line: "nodes matches by the labels of the Node",
    file: "src/evaluate/matching.ts",
    text: `.some((node) => matches(peer.selector, node.labels));`,
    replacement: `.length > 0;`,
  },
  {
    line: "domainNames never matches an address that is asked for",
    file: "src/evaluate/matching.ts",
    text: `return other.kind === "domain" && peer.patterns.some(`,
    replacement: `return other.kind !== "domain" || peer.patterns.some(`,
  },
  {
    line: "a name is in a block only if the block holds every address of the family",
    file: "src/evaluate/matching.ts",
    text: `first.low === 0n && first.high === lastAddress(family);`,
    replacement: `first.low === 0n;`,
  },
  {
    line: "rule 12: the default verdict of the operator",
    file: "src/evaluate/reference.ts",
    text: `labelled || options.defaultVerdict === "deny" ? "deny" : "allow";`,
    replacement: `labelled ? "deny" : "allow";`,
  },
];

/** The evaluator that serves queries, and the compiler. */
const derived: readonly Mutant[] = [
  {
    line: "(indexed) tiers: Pass leaves the tier",
    file: "src/evaluate/profile.ts",
    text: `if (tier !== "networkpolicy" && clause.action === "pass") return null;`,
    replacement: `if (tier !== "networkpolicy" && clause.action === "pass") return profile.fallback;`,
  },
  {
    line: "(indexed) tiers: NetworkPolicy is final",
    file: "src/evaluate/profile.ts",
    text: `if (profile.networkPolicy !== null) return`,
    replacement: `if (profile.networkPolicy !== null && profile.networkPolicy.entries.length > 0) return`,
  },
  {
    line: "(indexed) nodes matches by the labels of the Node",
    file: "src/evaluate/likeness.ts",
    text: `return nodes.some((labels) => matches(peer.selector, labels));`,
    replacement: `return nodes.length > 0;`,
  },
  {
    line: "(compile) tiers: NetworkPolicy comes before Baseline",
    file: "src/compile/chain.ts",
    text: `networkPolicy: isolating, baseline: noParts, fallback: "deny" };`,
    replacement: `networkPolicy: baseline.name === null ? isolating : null, baseline, fallback: "deny" };`,
  },
  {
    line: "(compile) tiers: Admin is asked of pods that are isolated, too",
    file: "src/compile/chain.ts",
    text: `return { direction, admin, networkPolicy: isolating,`,
    replacement: `return { direction, admin: noParts, networkPolicy: isolating,`,
  },
  {
    line: "(compile) rule 12: the label of the namespace",
    file: "src/compile/fallback.ts",
    text: `|| namespaceLabels.get(defaultVerdictLabel) === "deny" ? "deny" : "accept";`,
    replacement: `? "deny" : "accept";`,
  },
  {
    line: "(compile) a named port matches every protocol",
    file: "src/compile/lower.ts",
    text: `const protocols = match.protocol === null ? portProtocols : [match.protocol];`,
    replacement: `const protocols = [match.protocol ?? "TCP"] as const;`,
  },
  {
    line: "(compile) nodes: the address of a Node that comes later",
    file: "src/model/node-table.ts",
    text: `if (node !== null && matches(set.selector, node.labels) && claimFor(set, addressesOf(node))) touch(set);`,
    replacement: ``,
  },
  {
    line: "(compile) rule 2: an order that can deny more is seen",
    file: "src/compile/can-deny.ts",
    text: `if (next?.match === match && rank[next.action] >= rank[action])`,
    replacement: `if (next?.match === match)`,
  },
  {
    line: "(compile) rule 2: a deny that comes is seen",
    file: "src/compile/can-deny.ts",
    text: `return now.slice(at).every(({ action }) => action === "accept");`,
    replacement: `return true;`,
  },
  {
    line: "(compile) rule 2: isolation that goes uncovers the Baseline tier",
    file: "src/compile/can-deny.ts",
    text: `if (before.networkPolicy !== null) return acceptsAllBelowAdmin(after);`,
    replacement: `if (before.networkPolicy !== null) return true;`,
  },
  {
    line: "(Ruleset) tiers: Pass leaves the tier",
    file: "src/ir/decide.ts",
    text: `if (clause !== null && clause.action !== "pass") return { verdict: clause.action, by: "admin", clause };`,
    replacement: `if (clause !== null) return { verdict: clause.action === "deny" ? "deny" : "accept", by: "admin", clause };`,
  },
];

const render = "src/dataplane/nftables/render";

/** What the kernel is given. */
const rendered: readonly Mutant[] = [
  {
    line: "(nftables) tiers: Pass goes on to what stands below",
    file: `${render}/tier-plan.ts`,
    text: `action === "deny" ? denied : nextOfTier);`,
    replacement: `action === "deny" ? denied : accepted);`,
  },
  {
    line: "(nftables) tiers: Deny denies",
    file: `${render}/tier-plan.ts`,
    text: `(action === "accept" ? accepted : action === "deny" ? denied : nextOfTier);`,
    replacement: `(action === "accept" ? accepted : nextOfTier);`,
  },
  {
    line: "(nftables) tiers: Admin comes first",
    file: `${render}/chain.ts`,
    text: `chain.admin.length === 0 ? rest : adminRules(context, chain, rest),`,
    replacement: `rest,`,
  },
  {
    line: "(nftables) tiers: Baseline comes before the default",
    file: `${render}/chain.ts`,
    text: `if (chain.baseline.length === 0) return fallback;`,
    replacement: `if (chain.baseline.length >= 0) return fallback;`,
  },
  {
    line: "(nftables) tiers: rules up to the one that matches everything, that one too",
    file: `${render}/tier-plan.ts`,
    text: `return all === -1 ? relevant : relevant.slice(0, all + 1);`,
    replacement: `return all === -1 ? relevant : relevant.slice(0, all);`,
  },
  {
    line: "(nftables) first match: a rule for every port is asked for the ports of others, too",
    file: `${render}/tier-plan.ts`,
    text: `otherPorts: otherPorts.length === portless.length ? null : list(otherPorts),`,
    replacement: `otherPorts: null,`,
  },
  {
    line: "(nftables) first match: a member counts for the rule that names it first",
    file: `${render}/first-match.ts`,
    text: `clause.action === action && shown.has(clause) ? ruleCounter(context, clause) : null;`,
    replacement: `shown.has(clause) ? ruleCounter(context, clause) : null;`,
  },
  {
    line: "(nftables) first match: a block before a rule of members comes before it",
    file: `${render}/first-match.ts`,
    text: `.filter((piece) => piece.before < grouped.length);`,
    replacement: `.filter((piece) => piece.before < 0);`,
  },
  {
    line: "(nftables) first match: pairs of address and port, in order",
    file: `${render}/first-match.ts`,
    text: `counter: clause.action === action ? ruleCounter(context, clause) : null,\n        members`,
    replacement: `counter: ruleCounter(context, clause),\n        members`,
  },
  {
    line: "(nftables) first match: members before blocks, then other stretches, in order",
    file: `${render}/first-match.ts`,
    text: `if (last?.kind === kind) last.clauses.push(clause);`,
    replacement: `if (last?.kind === "peers") last.clauses.push(clause);`,
  },
];

export const mutantsOfTiers: readonly Mutant[] = [...evaluated, ...derived, ...rendered];
