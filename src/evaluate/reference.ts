/**
 * The reference evaluator: what docs/semantics.md says, in its order and its words, with loops over everything and no
 * index. It is the oracle for the indexed evaluator and for every dataplane, so it stays plain. Rule numbers are those
 * of docs/semantics.md.
 */
import { defaultVerdictLabel } from "../compile/fallback.ts";
import type { Pod } from "../kube/objects.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Direction, Policy, PolicyId } from "../policy/policy.ts";
import { compareInTier, compareText } from "../policy/tier-order.ts";
import type { Connection, Decision, EvaluateOptions, Part } from "./decision.ts";
import { decisionOf, defaultOptions, passed, unknownPod } from "./decision.ts";
import type { OtherEnd, Target } from "./matching.ts";
import { clauseMatches, destinationOf, selects, sourceOf } from "./matching.ts";
import { isInPodRange, labelsOfNamespace, nodesWithAddress } from "./standing.ts";

/** Decides one connection. Costs pods + policies × rules; for many queries there is `createEvaluator`. */
export function evaluate(
  cluster: Cluster,
  connection: Connection,
  options: EvaluateOptions = defaultOptions,
): Decision {
  const source = sourceOf(cluster, connection);
  const destination = destinationOf(cluster, connection);

  // Rule 3: a pod always reaches itself. Rules 3 and 4 outrank every tier.
  if (source.pod !== null && source.pod === destination.pod) return decisionOf(passed, passed);
  // Rule 4: a node always reaches the pods that run on it.
  if (isNodeToItsPod(cluster, connection, source.pod, destination.pod)) return decisionOf(passed, passed);

  const target: Target = { protocol: connection.protocol, port: connection.port, pod: destination.pod };
  return decisionOf(
    decideDirection(cluster, "egress", source, destination, target, options),
    decideDirection(cluster, "ingress", destination, source, target, options),
  );
}

function isNodeToItsPod(
  cluster: Cluster,
  connection: Connection,
  sourcePod: Pod | null,
  destinationPod: Pod | null,
): boolean {
  if (destinationPod === null) return false;
  if (connection.sourceNode !== null) return connection.sourceNode === destinationPod.nodeName;
  if (sourcePod !== null) return false;
  return nodesWithAddress(cluster, connection.source).some((node) => node.name === destinationPod.nodeName);
}

/** One direction: its subject, the other end, and what the connection goes to. */
function decideDirection(
  cluster: Cluster,
  direction: Direction,
  subject: OtherEnd,
  other: OtherEnd,
  target: Target,
  options: EvaluateOptions,
): Part {
  if (subject.pod === null) {
    // Rule 10: an address of a pod range that is no pod's. Else a node or an outside host, which accept.
    // One of which only the name is known is outside: a name means nothing within.
    if (subject.kind === "domain") return passed;
    const nodes = cluster.objects.filter((object) => object.kind === "Node");
    return options.unknownPods === "drop" && isInPodRange(nodes, subject.address) ? unknownPod : passed;
  }
  const pod = subject.pod;
  // Rule 13: a policy in audit does not count. A direction that a policy does not name is untouched by it.
  const policies = cluster.policies.filter(
    (policy) => policy.mode === "enforce" && policy[direction] !== null && selects(cluster, policy.subject, pod),
  );
  const isolatedBy = isolating(policies).map((policy) => policy.id);
  return (
    decideOrderedTier(cluster, "admin", policies, direction, other, target, isolatedBy) ??
    decideNetworkPolicies(cluster, policies, direction, other, target, isolatedBy) ??
    decideOrderedTier(cluster, "baseline", policies, direction, other, target, isolatedBy) ??
    defaultPart(cluster, pod, options)
  );
}

/** The policies of the NetworkPolicy tier, in the order in which answers name them. */
function isolating(policies: readonly Policy[]): readonly Policy[] {
  return policies
    .filter((policy) => policy.tier === "networkpolicy")
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.id, b.id));
}

/** By ascending priority, rules in order: the first that matches decides. Null: none did, or it passes. */
function decideOrderedTier(
  cluster: Cluster,
  tier: "admin" | "baseline",
  policies: readonly Policy[],
  direction: Direction,
  other: OtherEnd,
  target: Target,
  isolatedBy: readonly PolicyId[],
): Part | null {
  for (const policy of policies.filter((one) => one.tier === tier).sort(compareInTier)) {
    for (const clause of policy[direction] ?? []) {
      if (!clauseMatches(cluster, clause, other, target)) continue;
      if (clause.action === "pass") return null;
      const verdict = clause.action === "accept" ? "allow" : "deny";
      return { verdict, tier, isolatedBy, decidedBy: decidedBy(policy, clause) };
    }
  }
  return null;
}

/** Final for an isolated pod: the union of what the policies that select it allow. Null: nothing isolates it. */
function decideNetworkPolicies(
  cluster: Cluster,
  policies: readonly Policy[],
  direction: Direction,
  other: OtherEnd,
  target: Target,
  isolatedBy: readonly PolicyId[],
): Part | null {
  const selecting = isolating(policies);
  if (selecting.length === 0) return null;
  for (const policy of selecting) {
    for (const clause of policy[direction] ?? []) {
      if (!clauseMatches(cluster, clause, other, target)) continue;
      return { verdict: "allow", tier: "networkpolicy", isolatedBy, decidedBy: decidedBy(policy, clause) };
    }
  }
  return { verdict: "deny", tier: "networkpolicy", isolatedBy, decidedBy: null };
}

/** Rule 12: accept, unless the operator or the subject's namespace says deny. */
function defaultPart(cluster: Cluster, pod: Pod, options: EvaluateOptions): Part {
  const labelled = labelsOfNamespace(cluster, pod.namespace).get(defaultVerdictLabel) === "deny";
  const verdict = labelled || options.defaultVerdict === "deny" ? "deny" : "allow";
  return { verdict, tier: "default", isolatedBy: [], decidedBy: null };
}

/** How an answer names a rule. */
export function decidedBy(policy: Policy, clause: { readonly rule: number; readonly ruleName: string | null }) {
  const named = clause.ruleName === null ? {} : { ruleName: clause.ruleName };
  return { policy: policy.id, rule: clause.rule, ...named };
}
