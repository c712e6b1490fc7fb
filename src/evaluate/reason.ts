import { defaultVerdictLabel } from "../compile/fallback.ts";
import type { Pod } from "../kube/objects.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Clause } from "../policy/policy.ts";
import { type AddressSet, addressSetToCidrs } from "../net/address-set.ts";
import type { Family } from "../net/address.ts";
import { formatCidr } from "../net/cidr.ts";
import { domainMatches } from "../net/domain-name.ts";
import type { EvaluateOptions, Part, Verdict } from "./decision.ts";
import { type OtherEnd, portMatches, type Target } from "./matching.ts";
import { listed } from "./mismatch.ts";
import { labelsOfNamespace } from "./standing.ts";
import type { Walk } from "./walk.ts";

/** Who says what the default verdict is: the flag, or the label of the pod's namespace. */
export type DefaultFrom = "flag" | "label";

/** The label only ever closes: where the flag denies, the flag it is. */
export function defaultFrom(cluster: Cluster, pod: Pod, options: EvaluateOptions): DefaultFrom {
  if (options.defaultVerdict === "deny") return "flag";
  return labelsOfNamespace(cluster, pod.namespace).get(defaultVerdictLabel) === "deny" ? "label" : "flag";
}

const defaultWords: Readonly<Record<DefaultFrom, string>> = {
  flag: "--default-verdict",
  label: `the label ${defaultVerdictLabel} of its namespace`,
};

/** Why a direction is decided as it is, in one sentence. `standing` is what outranks every tier, if it does. */
export function reasonOf(part: Part, subject: Pod | null, from: DefaultFrom | null, standing: string | null): string {
  const { decidedBy, verdict, tier, isolatedBy } = part;
  if (standing !== null) return standing;
  if (decidedBy !== null) {
    const name = decidedBy.ruleName === undefined ? "" : ` (${decidedBy.ruleName})`;
    return `rule ${decidedBy.rule}${name} of ${decidedBy.policy} ${verdict === "allow" ? "allows" : "denies"} it`;
  }
  if (tier === "networkpolicy") {
    return `isolated by ${isolatedBy.length} ${isolatedBy.length === 1 ? "policy" : "policies"}, and no rule matches`;
  }
  if (from !== null) {
    if (verdict === "deny") return `no policy decides, and the default verdict is deny, by ${defaultWords[from]}`;
    return "no policy isolates the pod or decides, and the default verdict is accept";
  }
  if (subject !== null) throw new Error(`no reason for ${JSON.stringify(part)}`);
  return verdict === "deny"
    ? "the address is in a node's pod range, but no pod's"
    : "not a pod: policies do not apply to this end";
}

/** The patterns of a rule's peers; with a name, those that mean it. */
function patternsOf({ peers }: Clause, other: OtherEnd): readonly string[] {
  const patterns = (peers ?? []).flatMap((peer) => (peer.kind === "domains" ? peer.patterns : []));
  return other.kind === "domain" ? patterns.filter((pattern) => domainMatches(pattern, other.domain)) : patterns;
}

/** Which addresses meet a rule that does not accept before the rule that names them: blocks, and nodes. */
function takenBefore(missed: Walk["missed"], family: Family, target: Target): readonly string[] {
  const rules = missed.filter(({ clause: { action, ports } }) => {
    return action !== "accept" && (ports === null || ports.some((port) => portMatches(port, target)));
  });
  return rules.flatMap(({ policy, clause }) => {
    const places = (clause.peers ?? []).flatMap((peer) => {
      if (peer.kind === "nodes") return ["nodes"];
      if (peer.kind !== "block") return [];
      return addressSetToCidrs(familyPart(peer.addresses, family)).map(formatCidr);
    });
    return places.length === 0 ? [] : [`${listed(places)} (rule ${clause.rule} of ${policy.id})`];
  });
}

const familyPart = ({ v4, v6 }: AddressSet, family: Family): AddressSet =>
  family === 4 ? { v4, v6: [] } : { v4: [], v6 };

/** What a person must know beside the reason to understand the answer. */
export function notesOf(way: Walk, verdict: Verdict, other: OtherEnd, target: Target): readonly string[] {
  return [...closedNotes(way), ...nameNotes(way, verdict, other, target)];
}

/** Written as a rule about somebody, and in force as one about everybody (semantics.md: fail closed). */
function closedNotes({ decided }: Walk): readonly string[] {
  if (decided === null || decided.action !== "deny" || decided.peers !== null || decided.ports !== null) return [];
  return [
    "the rule denies everything of its direction, as a rule does that cannot be read: see what is reported of it",
  ];
}

/** Names are the one thing that is not known here. */
function nameNotes({ decided, missed }: Walk, verdict: Verdict, other: OtherEnd, target: Target): readonly string[] {
  if (other.kind === "domain") {
    const meant = decided === null ? [] : patternsOf(decided, other);
    if (meant.length > 0) {
      const taken = takenBefore(missed, other.family, target);
      const but = taken.length === 0 ? "" : `, but for those among ${listed(taken)}, which comes before`;
      return [
        `the rule names ${listed(meant)}: once a resolver has told the pod addresses of ${other.domain}, connections to ` +
          `these pass${but}; which they are is not known here`,
      ];
    }
    return [
      `only the name ${other.domain} is known here, not its addresses: a block counts only if it holds every ` +
        `IPv${other.family} address`,
    ];
  }
  // Rules that name domains accept: one more that matches could not change an answer that allows.
  const named = verdict === "allow" ? [] : missed.flatMap(({ clause }) => patternsOf(clause, other));
  if (named.length === 0) return [];
  return [
    `rules that were asked name ${listed([...new Set(named)])}: if ${other.address} was learned as an address of such ` +
      "a name, they match; what was learned is not known here",
  ];
}
