import type { Pod } from "../kube/objects.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Action, Direction, Policy, PolicyId, Tier } from "../policy/policy.ts";
import type { Connection, EvaluateOptions, Part, Verdict } from "./decision.ts";
import { defaultOptions } from "./decision.ts";
import type { OtherEnd, Target } from "./matching.ts";
import { destinationOf, selects, sourceOf } from "./matching.ts";
import type { Mismatch } from "./mismatch.ts";
import { mismatchesOf } from "./mismatch.ts";
import type { DefaultFrom } from "./reason.ts";
import { defaultFrom, notesOf, reasonOf } from "./reason.ts";
import { evaluate } from "./reference.ts";
import { nodesWithAddress } from "./standing.ts";
import type { Passed, Walk } from "./walk.ts";
import { compareAsked, walk } from "./walk.ts";

/** A policy that selects the subject in the direction. */
export interface Selecting {
  readonly policy: PolicyId;
  readonly tier: Tier;
  readonly mode: Policy["mode"];
  /** Null where it has none. */
  readonly priority: number | null;
  /** Whether it was asked: it is in force, and nothing had decided before it. */
  readonly asked: boolean;
}

/** A rule that does not match, and why; the fewer reasons, the nearer it came. */
export interface NearRule {
  readonly policy: PolicyId;
  readonly rule: number;
  readonly ruleName?: string;
  /** What it would have done. */
  readonly action: Exclude<Action, "deny">;
  readonly mismatches: readonly Mismatch[];
}

/** One direction: what `eval` answers, and what led to it. */
export interface ExplainedPart extends Part {
  /** `namespace/name`; null: the subject is no pod. */
  readonly subject: string | null;
  /** In one sentence. */
  readonly reason: string;
  /** In the order in which they are asked. */
  readonly selectedBy: readonly Selecting[];
  /** Rules that matched and passed, and where to. */
  readonly passed: readonly Passed[];
  /** Where the default verdict comes from; null: it was not asked. */
  readonly defaultFrom: DefaultFrom | null;
  /** Nearest first; empty unless policies, or the default verdict, deny. */
  readonly nearest: readonly NearRule[];
  /** What is not known here of domain names; that the rule is in force as one that cannot be read. */
  readonly notes: readonly string[];
}

export interface ExplainedEnd {
  /** Null: only its name is known. */
  readonly address: string | null;
  /** `namespace/name` of the pod that holds the address. */
  readonly pod: string | null;
  /** The node whose address it is. */
  readonly node: string | null;
  readonly domain: string | null;
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

/** Rules that would have let the connection through, or past the tier that denies it, had they matched. */
function nearRules(cluster: Cluster, { missed }: Walk, part: Part, other: OtherEnd, target: Target): NearRule[] {
  if (part.verdict === "allow") return [];
  const rules = missed.flatMap(({ policy, clause }): NearRule[] => {
    const { rule, ruleName, action } = clause;
    if (action === "deny" || (action === "pass" && policy.tier !== part.tier)) return [];
    const name = ruleName === null ? {} : { ruleName };
    return [{ policy: policy.id, rule, ...name, action, mismatches: mismatchesOf(cluster, clause, other, target) }];
  });
  // A stable sort: rules that come equally near stay in the order in which they were asked.
  return rules.sort((a, b) => a.mismatches.length - b.mismatches.length).slice(0, mostNear);
}

/** What holds for the whole connection, whatever policies say (semantics.md, 3 and 4). */
function standingReason(part: Part, source: OtherEnd, destination: OtherEnd): string | null {
  if (part.tier !== "none" || part.verdict !== "allow" || destination.pod === null) return null;
  if (source.pod === destination.pod) return "a pod always reaches itself";
  return `the node ${destination.pod.nodeName} always reaches the pods that run on it`;
}

/** As somebody wrote it: those of the API are of 32 bits, beyond them stand policies that have none. */
const priorityOf = ({ tier, priority }: Policy): number | null =>
  tier === "networkpolicy" || Math.abs(priority) >= 2 ** 31 ? null : priority;

const nothingAsked: Walk = { asked: new Set(), missed: [], passed: [], decided: null };

/** Decides a connection and tells what led to it. Costs as `evaluate`. */
export function explain(
  cluster: Cluster,
  connection: Connection,
  options: EvaluateOptions = defaultOptions,
): Explanation {
  const decision = evaluate(cluster, connection, options);
  const source = sourceOf(cluster, connection);
  const destination = destinationOf(cluster, connection);
  const target: Target = { protocol: connection.protocol, port: connection.port, pod: destination.pod };
  // Only where a destination pod was let through without asking its policies did a standing rule decide.
  const standing = standingReason(decision.ingress, source, destination);

  const explainPart = (direction: Direction, part: Part, subject: OtherEnd, other: OtherEnd): ExplainedPart => {
    const { pod } = subject;
    const selecting = cluster.policies
      .filter((policy) => pod !== null && policy[direction] !== null && selects(cluster, policy.subject, pod))
      .sort(compareAsked);
    const way = part.tier === "none" ? nothingAsked : walk(cluster, selecting, direction, other, target);
    const from = part.tier === "default" && pod !== null ? defaultFrom(cluster, pod, options) : null;
    return {
      ...part,
      subject: pod === null ? null : nameOf(pod),
      reason: reasonOf(part, pod, from, standing),
      selectedBy: selecting.map((policy) => ({
        policy: policy.id,
        tier: policy.tier,
        mode: policy.mode,
        priority: priorityOf(policy),
        asked: way.asked.has(policy.id),
      })),
      passed: way.passed,
      defaultFrom: from,
      nearest: nearRules(cluster, way, part, other, target),
      notes: part.tier === "none" ? [] : notesOf(way, part.verdict, other, target),
    };
  };
  const hasPorts = connection.protocol !== "ICMP" && connection.protocol !== "other";
  return {
    verdict: decision.verdict,
    from: explainEnd(cluster, source, connection.sourceNode),
    to: explainEnd(cluster, destination, null),
    protocol: connection.protocol,
    port: hasPorts ? connection.port : null,
    egress: explainPart("egress", decision.egress, source, destination),
    ingress: explainPart("ingress", decision.ingress, destination, source),
  };
}

function explainEnd(cluster: Cluster, end: OtherEnd, sender: string | null): ExplainedEnd {
  if (end.kind === "domain") return { address: null, pod: null, node: null, domain: end.domain };
  const { address, pod } = end;
  const node = sender ?? (pod === null ? (nodesWithAddress(cluster, address)[0]?.name ?? null) : null);
  return { address, pod: pod === null ? null : nameOf(pod), node, domain: null };
}
