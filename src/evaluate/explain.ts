import type { Pod } from "../kube/objects.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Direction, Policy, PolicyId, Tier } from "../policy/policy.ts";
import { compareText } from "../policy/tier-order.ts";
import type { Connection, EvaluateOptions, Part, Verdict } from "./decision.ts";
import { defaultOptions } from "./decision.ts";
import type { OtherEnd, Target } from "./matching.ts";
import { selects } from "./matching.ts";
import type { Mismatch } from "./mismatch.ts";
import { mismatchesOf } from "./mismatch.ts";
import { evaluate } from "./reference.ts";
import { nodesWithAddress, podHolding } from "./standing.ts";

/** A policy that selects the subject in the direction. */
export interface Selecting {
  readonly policy: PolicyId;
  readonly tier: Tier;
  readonly mode: Policy["mode"];
}

/** A rule that does not match, and why; the fewer reasons, the nearer it came. */
export interface NearRule {
  readonly policy: PolicyId;
  readonly rule: number;
  readonly mismatches: readonly Mismatch[];
}

/** One direction: what `eval` answers, and what led to it. */
export interface ExplainedPart extends Part {
  /** `namespace/name`; null: the subject is no pod. */
  readonly subject: string | null;
  /** In one sentence. */
  readonly reason: string;
  readonly selectedBy: readonly Selecting[];
  /** Nearest first; empty unless isolation denies. */
  readonly nearest: readonly NearRule[];
}

export interface ExplainedEnd {
  readonly address: string;
  /** `namespace/name` of the pod that holds the address. */
  readonly pod: string | null;
  /** The node whose address it is. */
  readonly node: string | null;
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly from: ExplainedEnd;
  readonly to: ExplainedEnd;
  readonly protocol: string;
  /** Of the destination, after service translation; null for a protocol without ports. */
  readonly port: number | null;
  readonly egress: ExplainedPart;
  readonly ingress: ExplainedPart;
}

const mostNear = 5;

const nameOf = (pod: Pod): string => `${pod.namespace}/${pod.name}`;

function nearRules(
  cluster: Cluster,
  policies: readonly Policy[],
  direction: Direction,
  other: OtherEnd,
  target: Target,
): readonly NearRule[] {
  const rules = policies.flatMap((policy) =>
    (policy[direction] ?? []).map((clause) => ({
      policy: policy.id,
      rule: clause.rule,
      mismatches: mismatchesOf(cluster, clause, other, target),
    })),
  );
  // A stable sort: rules that come equally near stay in the order of their policies' names.
  return rules.sort((a, b) => a.mismatches.length - b.mismatches.length).slice(0, mostNear);
}

function reasonOf(part: Part, subject: Pod | null, standing: string | null): string {
  const { decidedBy, verdict, tier, isolatedBy } = part;
  if (standing !== null) return standing;
  if (decidedBy !== null) {
    const name = decidedBy.ruleName === undefined ? "" : ` (${decidedBy.ruleName})`;
    return `rule ${decidedBy.rule}${name} of ${decidedBy.policy} ${verdict === "allow" ? "allows" : "denies"} it`;
  }
  if (tier === "networkpolicy") {
    return `isolated by ${isolatedBy.length} ${isolatedBy.length === 1 ? "policy" : "policies"}, and no rule matches`;
  }
  if (tier === "default") {
    return verdict === "allow" ? "no policy isolates the pod" : "no policy decides, and the default verdict is deny";
  }
  if (subject !== null) throw new Error(`no reason for ${JSON.stringify(part)}`);
  return verdict === "deny"
    ? "the address is in a node's pod range, but no pod's"
    : "not a pod: policies do not apply to this end";
}

/** What holds for the whole connection, whatever policies say (semantics.md, 3 and 4). */
function standingReason(part: Part, source: OtherEnd, destination: OtherEnd): string | null {
  if (part.tier !== "none" || part.verdict !== "allow" || destination.pod === null) return null;
  if (source.pod === destination.pod) return "a pod always reaches itself";
  return `the node ${destination.pod.nodeName} always reaches the pods that run on it`;
}

/** Decides a connection and tells what led to it. Costs as `evaluate`. */
export function explain(
  cluster: Cluster,
  connection: Connection,
  options: EvaluateOptions = defaultOptions,
): Explanation {
  const decision = evaluate(cluster, connection, options);
  const source: OtherEnd = { address: connection.source, pod: podHolding(cluster, connection.source) };
  const destination: OtherEnd = { address: connection.destination, pod: podHolding(cluster, connection.destination) };
  const target: Target = { protocol: connection.protocol, port: connection.port, pod: destination.pod };
  // Only where a destination pod was let through without asking its policies did a standing rule decide.
  const standing = standingReason(decision.ingress, source, destination);

  const explainPart = (direction: Direction, part: Part, subject: OtherEnd, other: OtherEnd): ExplainedPart => {
    const pod = subject.pod;
    const selecting = cluster.policies
      .filter((policy) => pod !== null && policy[direction] !== null && selects(cluster, policy.subject, pod))
      .sort((a, b) => compareText(a.id, b.id));
    const isolated = part.tier === "networkpolicy" && part.decidedBy === null;
    const isolating = selecting.filter((policy) => part.isolatedBy.includes(policy.id));
    return {
      ...part,
      subject: pod === null ? null : nameOf(pod),
      reason: reasonOf(part, pod, standing),
      selectedBy: selecting.map(({ id, tier, mode }) => ({ policy: id, tier, mode })),
      nearest: isolated ? nearRules(cluster, isolating, direction, other, target) : [],
    };
  };
  const explainEnd = ({ address, pod }: OtherEnd, node: string | null): ExplainedEnd => ({
    address,
    pod: pod === null ? null : nameOf(pod),
    node: node ?? (pod === null ? (nodesWithAddress(cluster, address)[0]?.name ?? null) : null),
  });
  const hasPorts = connection.protocol !== "ICMP" && connection.protocol !== "other";
  return {
    verdict: decision.verdict,
    from: explainEnd(source, connection.sourceNode),
    to: explainEnd(destination, null),
    protocol: connection.protocol,
    port: hasPorts ? connection.port : null,
    egress: explainPart("egress", decision.egress, source, destination),
    ingress: explainPart("ingress", decision.ingress, destination, source),
  };
}
