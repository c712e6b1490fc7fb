import fc from "fast-check";
import type { ApiObject } from "../cluster-of.ts";
import { clusterFromSeed } from "../random-cluster.ts";
import { apiClusterNetworkPolicy, apiTierPolicy } from "../random-tier-policy.ts";
import { idOf, isOfTier, specOf, withMetadata, withSpec, type Fields } from "./api-edits.ts";
import { numbersFrom, pickFrom, type Pick } from "./random-numbers.ts";

/** Random selectors seldom meet: what is asked of every pod, and speaks of all of them, decides more questions. */
function widened(policy: ApiObject, pick: Pick): ApiObject {
  const subject = pick([{}, { subject: { namespaces: {} } }]);
  const widenedRules = (direction: "ingress" | "egress", peers: "from" | "to"): object => {
    const rules = specOf(policy)[direction];
    if (!Array.isArray(rules)) return {};
    return { [direction]: (rules as readonly Fields[]).map((rule) => ({ ...rule, ...widePeers(rule, peers, pick) })) };
  };
  return withSpec(policy, { ...subject, ...widenedRules("ingress", "from"), ...widenedRules("egress", "to") });
}

/** Peers of all pods, or of all that is outside; a name of a port stays beside pods only. */
function widePeers(rule: Fields, peers: "from" | "to", pick: Pick): object {
  const everywhere = [{ networks: ["0.0.0.0/0", "::/0"] }];
  const namesPorts = /amedPort/.test(JSON.stringify(rule));
  const wide: readonly object[] = [{}, { [peers]: [{ namespaces: {} }] }];
  return pick(peers === "to" && !namesPorts ? [...wide, { to: everywhere }, { to: [{ nodes: {} }] }] : wide);
}

const tierPolicies = fc.array(apiTierPolicy, { minLength: 4, maxLength: 8, size: "max" });

const mostRules = 25;

/** One policy with the rules of many: dataplanes treat long lists otherwise than short ones. */
function crowded(seed: number, pick: Pick): ApiObject {
  const [policies = []] = fc.sample(fc.array(apiClusterNetworkPolicy, { minLength: 12, maxLength: 16 }), {
    seed,
    numRuns: 1,
  });
  const rulesOf = (direction: string): readonly unknown[] =>
    policies.flatMap((policy) => (specOf(widened(policy, pick))[direction] ?? []) as readonly unknown[]);
  const [first] = policies;
  if (first === undefined) throw new Error("no policy to start from");
  const [ingress, egress] = [rulesOf("ingress").slice(0, mostRules), rulesOf("egress").slice(0, mostRules)];
  const subject = pick([{}, { subject: { namespaces: {} } }]);
  return withMetadata(withSpec(first, { ingress, egress, ...subject }), { name: "crowded" });
}

/** The random cluster of a seed with more policies of the ordered tiers, and wider ones, than chance gives it. */
export function tieredCluster(seed: number): readonly ApiObject[] {
  const pick = pickFrom(numbersFrom(seed + 1));
  const [policies = []] = fc.sample(tierPolicies, { seed, numRuns: 1 });
  const unique = new Map(policies.map((policy) => [idOf(policy), policy]));
  return [
    ...clusterFromSeed(seed).filter((object) => !isOfTier(object)),
    ...[...unique.values()].map((policy) => widened(policy, pick)),
    ...(seed % 3 === 0 ? [crowded(seed, pick)] : []),
  ];
}
