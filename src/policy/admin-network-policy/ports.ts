import { type ApiObject, field, isApiObject } from "../../kube/decode/fields.ts";
import { decodePortName } from "../tiers/port-name.ts";
import { decodePortProtocol } from "../../kube/decode/protocol.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { invalid } from "../../kube/field-error.ts";
import type { ObjectSchema, StringSchema } from "../../kube/schema/schema.ts";
import type { PortProtocol } from "../../net/protocol.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { PortMatch } from "../policy.ts";
import { gated, oneOf, portSchema } from "../tiers/schemas.ts";

const protocol: StringSchema = { type: "string", default: "TCP" };

/** AdminNetworkPolicyPort. */
export function portItemSchema(gates: FeatureGates): ObjectSchema {
  return oneOf({
    namedPort: gated("NamedPorts", gates, { type: "string" }),
    portNumber: { type: "object", properties: { port: portSchema, protocol }, required: ["port", "protocol"] },
    portRange: {
      type: "object",
      properties: { end: portSchema, protocol, start: portSchema },
      required: ["end", "start"],
    },
  });
}

/** Reads a port that has passed the schema, which does not look at protocols and ends of ranges. */
export function decodePort(item: ApiObject, at: FieldPath, errors: FieldError[]): PortMatch | null {
  const name = field(item, "namedPort");
  if (typeof name === "string") return decodePortName(name, [...at, "namedPort"], errors);
  const number = field(item, "portNumber");
  if (isApiObject(number)) return decodeRange(number, "port", "port", [...at, "portNumber"], errors);
  const range = field(item, "portRange");
  if (isApiObject(range)) return decodeRange(range, "start", "end", [...at, "portRange"], errors);
  throw new Error("a port has passed the schema without a field");
}

function decodeRange(
  object: ApiObject,
  start: string,
  end: string,
  at: FieldPath,
  errors: FieldError[],
): PortMatch | null {
  const named = readProtocol(object, at, errors);
  const from = Number(field(object, start));
  const to = Number(field(object, end));
  if (from > to) errors.push(invalid([...at, end], to, `must be greater than or equal to \`${start}\``));
  return named === null || from > to ? null : { kind: "range", protocol: named, from, to };
}

function readProtocol(object: ApiObject, at: FieldPath, errors: FieldError[]): PortProtocol | null {
  const text = field(object, "protocol");
  return typeof text === "string" ? decodePortProtocol(text, [...at, "protocol"], errors) : "TCP";
}
