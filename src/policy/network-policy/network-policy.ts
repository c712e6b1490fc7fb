import type { ApiObject } from "../../kube/decode/fields.ts";
import { asObject, isApiObject, readList, readObject } from "../../kube/decode/fields.ts";
import { metadataOf, readLabels, readName, readNamespace } from "../../kube/decode/metadata.ts";
import { decodeSelector } from "../../kube/decode/selector.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { wrongType } from "../../kube/field-error.ts";
import type { Selector } from "../../kube/selector.ts";
import { everything } from "../../kube/selector.ts";
import { dnsSubdomainErrors } from "../../kube/syntax.ts";
import { readMode } from "../mode.ts";
import { nameForUnnamed, policyId, usableName } from "../policy-name.ts";
import type { Clause, DecodedPolicy, Direction, PolicyKind } from "../policy.ts";
import { decodePeers } from "./peers.ts";
import { decodeDirections } from "./policy-types.ts";
import { decodePorts } from "./ports.ts";

const kind = "NetworkPolicy";
const specPath: FieldPath = ["spec"];

/** networking.k8s.io/v1 NetworkPolicy. */
export const networkPolicyKind: PolicyKind = {
  kind,
  apiVersions: ["networking.k8s.io/v1"],
  resource: "networkpolicies",
  scope: "namespaced",
  decode,
};

/**
 * Fails closed (semantics.md, 9): a policy whose namespace and podSelector can be read isolates what they select, and
 * a rule with any error in it matches nothing. That needs no name.
 */
function decode(object: unknown): DecodedPolicy {
  const errors: FieldError[] = [];
  const policy = asObject(object, [], errors);
  const metadata = metadataOf(policy, errors);
  if (errors.length > 0) return { policy: null, errors };
  const name = readName(metadata, dnsSubdomainErrors, errors);
  const namespace = readNamespace(metadata, errors);
  readLabels(metadata, "labels", ["metadata"], errors);
  const mode = readMode(metadata, errors);
  const before = errors.length;
  const spec = readObject(policy, "spec", [], errors) ?? {};
  const pods = errors.length > before ? null : readSubject(spec, errors);
  const ingress = readRules(spec, "ingress", namespace ?? "", errors);
  const egress = readRules(spec, "egress", namespace ?? "", errors);
  const directions = decodeDirections(spec, specPath, errors);
  if (namespace === null || pods === null) return { policy: null, errors };
  const content = {
    tier: "networkpolicy",
    priority: 0,
    mode,
    subject: { namespaces: { kind: "name", name: namespace }, pods },
    ingress: directions.ingress ? ingress : null,
    egress: directions.egress ? egress : null,
  } as const;
  const used = name === null ? nameForUnnamed(content) : name.valid ? name.text : usableName(name.text);
  const id = policyId(kind, namespace, used);
  return { policy: { id, kind, namespace, name: used, ...content }, errors };
}

/** Null where it cannot be read. */
function readSubject(spec: ApiObject, errors: FieldError[]): Selector | null {
  const before = errors.length;
  const selector = readObject(spec, "podSelector", specPath, errors);
  if (selector === null) return errors.length > before ? null : everything;
  return decodeSelector(selector, [...specPath, "podSelector"], errors);
}

function readRules(spec: ApiObject, direction: Direction, namespace: string, errors: FieldError[]): readonly Clause[] {
  return readList(spec, direction, specPath, errors).map((item, index) => {
    // The API server reads null as the empty rule, which allows everything.
    const rule = item ?? {};
    const at = [...specPath, direction, index];
    const before = errors.length;
    const clause = isApiObject(rule) ? readRule(rule, index, direction, namespace, at, errors) : null;
    if (clause === null) errors.push(wrongType(at, rule, "object"));
    return clause === null || errors.length > before ? matchesNothing(index) : clause;
  });
}

function readRule(
  rule: ApiObject,
  index: number,
  direction: Direction,
  namespace: string,
  at: FieldPath,
  errors: FieldError[],
): Clause {
  const ports = decodePorts(rule, at, errors);
  const peers = decodePeers(rule, direction === "ingress" ? "from" : "to", namespace, at, errors);
  return { rule: index, ruleName: null, action: "accept", peers, ports };
}

/** What stands in the place of a rule that cannot be read, so that the others keep their numbers. */
function matchesNothing(rule: number): Clause {
  return { rule, ruleName: null, action: "accept", peers: [], ports: [] };
}
