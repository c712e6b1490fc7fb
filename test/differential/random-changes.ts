/** Changes to a cluster that stay a cluster: what an operator edits while connections are open. */
import fc from "fast-check";
import type { ApiObject } from "../cluster-of.ts";
import { randomLabels } from "../random-policy.ts";
import { apiTierPolicyWithUnreadable } from "../random-tier-policy.ts";
import { idOf, isOfTier, isPolicy, specOf, withMetadata, withSpec, type Fields } from "./api-edits.ts";
import { numbersFrom, pickFrom, type Pick } from "./random-numbers.ts";
import { tieredCluster } from "./tiered-cluster.ts";

type Edit = (object: ApiObject, pick: Pick, seed: number) => ApiObject;

function actionsOf({ kind }: ApiObject): readonly string[] {
  if (kind === "BaselineAdminNetworkPolicy") return ["Allow", "Deny"];
  return [kind === "AdminNetworkPolicy" ? "Allow" : "Accept", "Deny", "Pass"];
}

/** The rule with another action; one that names domains can only accept. */
function otherAction(rule: Fields, actions: readonly string[], pick: Pick): Fields {
  const namesDomains = JSON.stringify(rule).includes("domainNames");
  return namesDomains ? rule : { ...rule, action: pick(actions) };
}

/** Edits of the rules of one direction, where the policy speaks of it. */
function withRules(object: ApiObject, pick: Pick, edit: (rules: readonly Fields[]) => readonly Fields[]): ApiObject {
  const direction = pick(["ingress", "egress"]);
  const rules = specOf(object)[direction];
  return Array.isArray(rules) ? withSpec(object, { [direction]: edit(rules as readonly Fields[]) }) : object;
}

const editsOfTier: readonly Edit[] = [
  (object, pick) =>
    object.kind === "BaselineAdminNetworkPolicy" ? object : withSpec(object, { priority: pick([0, 1, 2, 3]) }),
  (object, pick) =>
    object.kind === "ClusterNetworkPolicy" ? withSpec(object, { tier: pick(["Admin", "Baseline"]) }) : object,
  (object, pick) => withRules(object, pick, (rules) => rules.map((rule) => otherAction(rule, actionsOf(object), pick))),
  (object, pick) => withRules(object, pick, (rules) => rules.toReversed()),
  (object, pick) => withRules(object, pick, (rules) => rules.slice(1)),
  (object, pick) =>
    withSpec(object, { subject: pick([{ namespaces: {} }, { pods: { namespaceSelector: {}, podSelector: {} } }]) }),
];

const editsOfPolicy: readonly Edit[] = [
  (object, pick) => withMetadata(object, { annotations: pick([{}, { "portcullis.dev/mode": "audit" }, {}]) }),
  (object, pick) => withRules(object, pick, (rules) => rules.slice(1)),
];

const freshLabels: Edit = (object, _pick, seed) => {
  const [labels = {}] = fc.sample(randomLabels, { seed, numRuns: 1 });
  return withMetadata(object, { labels });
};

const editsOfNamespace: readonly Edit[] = [
  freshLabels,
  (object, pick) => withMetadata(object, { labels: pick([{}, { "portcullis.dev/default-verdict": "deny" }]) }),
];

function editsOf(object: ApiObject): readonly Edit[] {
  if (isOfTier(object)) return [...editsOfTier, ...editsOfPolicy];
  if (object.kind === "NetworkPolicy") return editsOfPolicy;
  if (object.kind === "Namespace") return editsOfNamespace;
  return object.kind === "Pod" || object.kind === "Node" ? [freshLabels] : [];
}

/**
 * The next state of a cluster: policies go and come, and some objects are edited. Hosts and addresses stay, so that
 * connections do.
 */
export function changedCluster(objects: readonly ApiObject[], seed: number): readonly ApiObject[] {
  const below = numbersFrom(seed);
  const pick = pickFrom(below);
  const kept = objects.filter((object) => !isPolicy(object) || below(5) > 0);
  const edited = kept.map((object) => {
    const edits = editsOf(object);
    const often = isOfTier(object) ? 2 : 5;
    return edits.length === 0 || below(often) > 0 ? object : pick(edits)(object, pick, seed + below(1_000_000));
  });
  const there = new Set(edited.map(idOf));
  const come = tieredCluster(seed).filter((object) => isPolicy(object) && !there.has(idOf(object)) && below(3) === 0);
  return [...edited, ...come];
}

/**
 * A policy of which rules may be unreadable, under a name of its own: as the new version of one that was valid it
 * would leave that one in force.
 */
export function unreadablePolicy(seed: number): readonly ApiObject[] {
  const [policy] = fc.sample(apiTierPolicyWithUnreadable, { seed, numRuns: 1 });
  if (policy === undefined || policy.kind === "BaselineAdminNetworkPolicy") return [];
  return [withMetadata(policy, { name: `unreadable-${seed}` })];
}
