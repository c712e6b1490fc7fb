import { type ApiObject, asObject, field, isApiObject, readObject } from "../../src/kube/decode/fields.ts";
import { metadataOf, readName } from "../../src/kube/decode/metadata.ts";
import { decodeSelector } from "../../src/kube/decode/selector.ts";
import type { FieldError, FieldPath } from "../../src/kube/field-error.ts";
import { checkAgainst } from "../../src/kube/schema/check.ts";
import { type ObjectSchema, selectorSchema } from "../../src/kube/schema/schema.ts";
import { everything } from "../../src/kube/selector.ts";
import { dnsSubdomainErrors } from "../../src/kube/syntax.ts";
import { readMode } from "../../src/policy/mode.ts";
import { nameForUnnamed, policyId, usableName } from "../../src/policy/policy-name.ts";
import type { Clause, DecodedPolicy, PodSelection, PolicyKind } from "../../src/policy/policy.ts";

const kind = "Quarantine";

/** What its CRD demands of `spec`. */
const specSchema: ObjectSchema = {
  type: "object",
  properties: { podSelector: selectorSchema, investigators: selectorSchema },
  required: ["podSelector"],
};

/** security.example.com/v1 Quarantine: pods that nobody talks to any more, but for investigators. */
export const quarantineKind: PolicyKind = {
  kind,
  apiVersions: ["security.example.com/v1"],
  resource: "quarantines",
  scope: "cluster",
  decode,
};

function decode(object: unknown): DecodedPolicy {
  const errors: FieldError[] = [];
  const quarantine = asObject(object, [], errors);
  const metadata = metadataOf(quarantine, errors);
  const name = readName(metadata, dnsSubdomainErrors, errors);
  const mode = readMode(metadata, errors);
  const spec = readObject(quarantine, "spec", [], errors) ?? {};
  for (const { error } of checkAgainst(specSchema, spec, ["spec"])) errors.push(error);
  const subject = podsOf(spec, errors);
  if (subject === null) return { policy: null, errors };
  const content = {
    tier: "admin",
    // Before everything that others write: their priorities begin at 0.
    priority: -1,
    mode,
    subject,
    ingress: [...letIn(spec, errors), denyEverything(1)],
    egress: [denyEverything(0)],
  } as const;
  // A slip in the name must not let anybody out of quarantine.
  const used = name === null ? nameForUnnamed(content) : name.valid ? name.text : usableName(name.text);
  const policy = { id: policyId(kind, null, used), kind, namespace: null, name: used, ...content };
  return { policy, errors };
}

/** The selector in a field; null where it is absent or cannot be read. */
function selectorIn(spec: ApiObject, name: string, errors: FieldError[]): ReturnType<typeof decodeSelector> {
  const at: FieldPath = ["spec", name];
  const selector = field(spec, name);
  // The schema has reported what is no selector; what it lets through is reported here.
  const isSound = checkAgainst(selectorSchema, selector, at).length === 0;
  return isApiObject(selector) && isSound ? decodeSelector(selector, at, errors) : null;
}

function podsOf(spec: ApiObject, errors: FieldError[]): PodSelection | null {
  const pods = selectorIn(spec, "podSelector", errors);
  return pods === null ? null : { namespaces: { kind: "selector", selector: everything }, pods };
}

/** Fails closed: without investigators, or with some that cannot be read, nobody is let in. */
function letIn(spec: ApiObject, errors: FieldError[]): readonly Clause[] {
  const selector = selectorIn(spec, "investigators", errors);
  if (selector === null) return [];
  const selection: PodSelection = { namespaces: { kind: "selector", selector }, pods: everything };
  return [{ rule: 0, ruleName: "investigators", action: "accept", peers: [{ kind: "pods", selection }], ports: null }];
}

function denyEverything(rule: number): Clause {
  return { rule, ruleName: "quarantined", action: "deny", peers: null, ports: null };
}
