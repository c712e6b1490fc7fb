import { type ApiObject, field, isApiObject } from "../../kube/decode/fields.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import type { ObjectSchema, Validation } from "../../kube/schema/schema.ts";
import { portProtocols } from "../../net/protocol.ts";
import type { PortMatch } from "../policy.ts";
import { decodePortName } from "../tiers/port-name.ts";
import { oneOf, portSchema } from "../tiers/schemas.ts";

/** Start and end, where both are numbers. */
function endsOf(range: unknown): readonly [number, number] | null {
  const start = isApiObject(range) ? field(range, "start") : undefined;
  const end = isApiObject(range) ? field(range, "end") : undefined;
  return typeof start === "number" && typeof end === "number" ? [start, end] : null;
}

const isAscending: Validation = {
  rule: "self.start < self.end",
  message: "Start port must be less than End port",
  holds: (range) => {
    const ends = endsOf(range);
    return ends === null || ends[0] < ends[1];
  },
  // A range of one port is refused, but there is no doubt about the port (semantics.md: start > end is unreadable).
  isReadable: (range) => {
    const ends = endsOf(range);
    return ends !== null && ends[0] === ends[1];
  },
};

const destinationPort = oneOf({
  number: portSchema,
  range: {
    type: "object",
    properties: { end: portSchema, start: portSchema },
    required: ["end", "start"],
    validations: [isAscending],
  },
});

const ofProtocol: ObjectSchema = { type: "object", properties: { destinationPort }, minProperties: 1 };

/** ClusterNetworkPolicyProtocol. */
export const protocolItemSchema: ObjectSchema = oneOf({
  destinationNamedPort: { type: "string" },
  sctp: ofProtocol,
  tcp: ofProtocol,
  udp: ofProtocol,
});

/** Reads an item of `protocols` that has passed the schema. */
export function decodeProtocol(item: ApiObject, at: FieldPath, errors: FieldError[]): PortMatch | null {
  const name = field(item, "destinationNamedPort");
  if (typeof name === "string") return decodePortName(name, [...at, "destinationNamedPort"], errors);
  for (const protocol of portProtocols) {
    const matched = field(item, protocol.toLowerCase());
    const port = isApiObject(matched) ? field(matched, "destinationPort") : undefined;
    if (!isApiObject(port)) continue;
    const number = field(port, "number");
    const [from, to] = typeof number === "number" ? [number, number] : (endsOf(field(port, "range")) ?? [NaN, NaN]);
    if (from <= to) return { kind: "range", protocol, from, to };
  }
  throw new Error("an item of protocols has passed the schema and matches nothing");
}
