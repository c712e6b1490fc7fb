import { isApiObject, field } from "../../kube/decode/fields.ts";
import type { IntegerSchema, ListSchema, ObjectSchema, Schema, Validation } from "../../kube/schema/schema.ts";
import { selectorSchema } from "../../kube/schema/schema.ts";
import { parseCelCidr } from "../../net/cidr.ts";
import type { FeatureGate, FeatureGates } from "../feature-gates.ts";

/** Schemas that the CRDs of network-policy-api have in common, in the order of their descriptions. */

/** A field of the experimental channel: unknown where its gate is shut. */
export function gated(gate: FeatureGate, gates: FeatureGates, schema: Schema): Schema {
  return gates.has(gate) ? schema : { type: "shut", why: `the feature gate ${gate} is shut` };
}

export const portSchema: IntegerSchema = { type: "integer", format: "int32", minimum: 1, maximum: 65535 };
export const prioritySchema: IntegerSchema = { type: "integer", format: "int32", minimum: 0, maximum: 1000 };

/** Exactly one of these fields. */
export function oneOf(properties: Readonly<Record<string, Schema>>): ObjectSchema {
  return { type: "object", properties, minProperties: 1, maxProperties: 1 };
}

/** `namespaces` or `pods`. In v1alpha1 both selectors of `pods` are required. */
export function podsOf(required: readonly string[]): Readonly<Record<string, Schema>> {
  const pods: ObjectSchema = {
    type: "object",
    properties: { namespaceSelector: selectorSchema, podSelector: selectorSchema },
    required,
  };
  return { namespaces: selectorSchema, pods };
}

const isCidr: Validation = {
  rule: "isCIDR(self)",
  message: "Invalid CIDR format provided",
  holds: (value) => typeof value === "string" && parseCelCidr(value) !== null,
};

export const networksSchema: ListSchema = {
  type: "array",
  items: { type: "string", maxLength: 43, validations: [isCidr] },
  minItems: 1,
  maxItems: 25,
  unique: true,
};

export const domainNamesSchema: ListSchema = {
  type: "array",
  items: {
    type: "string",
    pattern: "^(\\*\\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.?$",
  },
  minItems: 1,
  maxItems: 25,
  unique: true,
};

/** What `ingress` and `egress` of a kind hold. */
interface RuleParts {
  readonly actions: readonly string[];
  readonly peers: Readonly<Record<string, Schema>>;
  readonly ports: readonly [name: string, schema: Schema];
  /** Of rules, of a rule's peers, and of its ports. */
  readonly most: number;
  readonly validations?: readonly Validation[];
}

export function rulesSchema(peersField: "from" | "to", parts: RuleParts): ListSchema {
  const { actions, peers, most, validations = [] } = parts;
  const [ports, portItem] = parts.ports;
  const items: ObjectSchema = {
    type: "object",
    properties: {
      action: { type: "string", enum: actions },
      name: { type: "string", maxLength: 100 },
      [peersField]: { type: "array", items: oneOf(peers), minItems: 1, maxItems: most },
      [ports]: { type: "array", items: portItem, minItems: 1, maxItems: most },
    },
    required: ["action", peersField],
    validations,
  };
  return { type: "array", items, maxItems: most };
}

/** Whether an item of a list of an object has one of these fields. */
function anyHas(object: unknown, list: string, names: readonly string[]): boolean {
  const items = isApiObject(object) ? field(object, list) : undefined;
  if (!Array.isArray(items)) return false;
  return items.some((item: unknown) => isApiObject(item) && names.some((name) => field(item, name) !== undefined));
}

/** Egress rules: a name of a port beside peers that declare none. */
export function noNamesBeside(peers: readonly string[], ports: string, port: string): Validation {
  const each = ports === "ports" ? "port" : "protocol";
  const peerHas = peers.map((name) => `has(peer.${name})`).join(" || ");
  const kinds = peers.join("/");
  return {
    rule: `!(self.to.exists(peer, ${peerHas}) && has(self.${ports}) && self.${ports}.exists(${each}, has(${each}.${port})))`,
    message: `${kinds} peer cannot be set with namedPorts since there are no namedPorts for ${kinds}`,
    holds: (rule) => !(anyHas(rule, "to", peers) && anyHas(rule, ports, [port])),
  };
}
