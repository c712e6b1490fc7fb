import { type ApiObject, asObject, field, isApiObject } from "../../kube/decode/fields.ts";
import { metadataOf, readLabels, readName } from "../../kube/decode/metadata.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { required } from "../../kube/field-error.ts";
import { checkAgainst, type Finding, unknownField } from "../../kube/schema/check.ts";
import type { ObjectSchema } from "../../kube/schema/schema.ts";
import { dnsSubdomainErrors } from "../../kube/syntax.ts";
import { allGatesOpen, type FeatureGates } from "../feature-gates.ts";
import { readMode } from "../mode.ts";
import { nameForUnnamed, policyId, usableName } from "../policy-name.ts";
import type { Clause, DecodedPolicy, PodSelection, PolicyKind } from "../policy.ts";
import { decodePods } from "./peers.ts";
import { decodeRules, type IsBroken } from "./rules.ts";
import type { Place, TieredKind } from "./tiered-kind.ts";

/** A kind of network-policy-api as the engine knows kinds. */
export function tieredPolicyKind(kind: TieredKind): PolicyKind {
  const schemas = new WeakMap<FeatureGates, ObjectSchema>();
  const schemaFor = (gates: FeatureGates): ObjectSchema => {
    const schema = schemas.get(gates) ?? kind.schema(gates);
    schemas.set(gates, schema);
    return schema;
  };
  return {
    kind: kind.kind,
    apiVersions: [kind.apiVersion],
    resource: kind.resource,
    scope: "cluster",
    decode: (object, gates = allGatesOpen) => decode(kind, schemaFor(gates), object),
  };
}

const topFields: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);

function decode(kind: TieredKind, schema: ObjectSchema, object: unknown): DecodedPolicy {
  const errors: FieldError[] = [];
  const policy = asObject(object, [], errors);
  if (errors.length > 0) return { policy: null, errors };
  const metadata = metadataOf(policy, errors);
  // The subject is elsewhere: metadata that is none leaves the policy without a name, and in force.
  const name = errors.length > 0 ? null : readName(metadata, dnsSubdomainErrors, errors);
  for (const one of Object.keys(policy)) if (!topFields.has(one)) errors.push(unknownField([one]));
  const nameError = kind.nameError?.(name?.text ?? null) ?? null;
  if (nameError !== null) errors.push(nameError);
  readLabels(metadata, "labels", ["metadata"], errors);
  const mode = readMode(metadata, errors);
  const { spec, isBroken } = readSpec(policy, schema, errors);
  const subject = readSubject(spec, isBroken, errors);
  const ingress = decodeRules(kind, spec, "ingress", isBroken, errors);
  const egress = decodeRules(kind, spec, "egress", isBroken, errors);
  if (subject === null) return { policy: null, errors };
  const place = kind.placeOf(spec, name?.text ?? null);
  const content =
    place === null
      ? { ...firstOfAll, mode, subject, ingress: withoutAccepting(ingress), egress: withoutAccepting(egress) }
      : { ...place, mode, subject, ingress, egress };
  const used = name === null ? nameForUnnamed(content) : name.valid ? name.text : usableName(name.text);
  const id = policyId(kind.kind, null, used);
  return { policy: { id, kind: kind.kind, namespace: null, name: used, ...content }, errors };
}

/** The spec, an empty one where it cannot be read, and where in it something cannot be read. */
function readSpec(
  policy: ApiObject,
  schema: ObjectSchema,
  errors: FieldError[],
): { readonly spec: ApiObject; readonly isBroken: IsBroken } {
  const spec = field(policy, "spec");
  if (spec === undefined) errors.push(required(["spec"], ""));
  const findings = spec === undefined ? [] : checkAgainst(schema, spec, ["spec"]);
  for (const { error } of findings) errors.push(error);
  const broken = brokenPlaces(findings);
  return { spec: isApiObject(spec) ? spec : {}, isBroken: (at) => broken.has(placeKey(at)) };
}

/** Deep enough for a rule: `spec.ingress[2]`. */
const deepest = 3;

const placeKey = (at: FieldPath): string => JSON.stringify(at);

function brokenPlaces(findings: readonly Finding[]): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { error, harm } of findings) {
    if (harm === "excessive") continue;
    for (let depth = 1; depth <= Math.min(deepest, error.path.length); depth++) {
      places.add(placeKey(error.path.slice(0, depth)));
    }
  }
  return places;
}

/** Null where it cannot be read. */
function readSubject(spec: ApiObject, isBroken: IsBroken, errors: FieldError[]): PodSelection | null {
  const subject = field(spec, "subject");
  const at = ["spec", "subject"];
  return isApiObject(subject) && !isBroken(at) ? decodePods(subject, at, errors) : null;
}

/** Before every policy whose place in the Admin tier can be told: priorities are of 32 bits. */
const firstOfAll: Place = { tier: "admin", priority: -(2 ** 31) - 1 };

/** Of a policy that could stand anywhere: it denies what it might deny, and accepts nothing. */
function withoutAccepting(clauses: readonly Clause[] | null): readonly Clause[] | null {
  const denying = (clauses ?? []).filter(({ action }) => action !== "accept");
  return denying.length === 0 ? null : denying.map((clause) => ({ ...clause, action: "deny" }));
}
