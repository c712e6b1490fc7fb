import type { ApiObject } from "../../kube/decode/fields.ts";
import { field, objectsOf, readInteger, readString } from "../../kube/decode/fields.ts";
import { decodePortProtocol } from "../../kube/decode/protocol.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { invalid, wrongType } from "../../kube/field-error.ts";
import { internString } from "../../kube/interning.ts";
import { portNameErrors, portNumberErrors } from "../../kube/syntax.ts";
import { highestPort, lowestPort } from "../../net/port-set.ts";
import type { PortProtocol } from "../../net/protocol.ts";
import type { PortMatch } from "../policy.ts";

/** Decodes `ports` of a rule. Null: no restriction, protocols without ports too. What is wrong is reported and left out. */
export function decodePorts(rule: ApiObject, at: FieldPath, errors: FieldError[]): readonly PortMatch[] | null {
  const before = errors.length;
  const ports: PortMatch[] = [];
  for (const { item, path } of objectsOf(rule, "ports", at, errors)) {
    const port = decodePort(item, path, errors);
    if (port !== null) ports.push(port);
  }
  return ports.length === 0 && errors.length === before ? null : ports;
}

function decodePort(item: ApiObject, at: FieldPath, errors: FieldError[]): PortMatch | null {
  const before = errors.length;
  const text = readString(item, "protocol", at, errors);
  const protocol = text === null ? "TCP" : decodePortProtocol(text, [...at, "protocol"], errors);
  const port = field(item, "port");
  const endPort = readInteger(item, "endPort", at, errors);
  const match = decodePortValue(port, endPort, protocol ?? "TCP", at, errors);
  return errors.length > before ? null : match;
}

function decodePortValue(
  port: unknown,
  endPort: number | null,
  protocol: PortProtocol,
  at: FieldPath,
  errors: FieldError[],
): PortMatch | null {
  const endPath = [...at, "endPort"];
  const portPath = [...at, "port"];
  switch (typeof port) {
    case "undefined":
      if (endPort !== null) {
        errors.push(invalid(endPath, endPort, "may not be specified when `port` is not specified"));
      }
      return { kind: "range", protocol, from: lowestPort, to: highestPort };
    case "number":
      if (!Number.isInteger(port)) errors.push(wrongType(portPath, port, "integer or string"));
      else checkRange(port, endPort, at, errors);
      return { kind: "range", protocol, from: port, to: endPort ?? port };
    case "string":
      if (endPort !== null) {
        errors.push(invalid(endPath, endPort, "may not be specified when `port` is non-numeric"));
      }
      for (const message of portNameErrors(port)) errors.push(invalid(portPath, port, message));
      return { kind: "named", name: internString(port), protocol };
    default:
      errors.push(wrongType(portPath, port, "integer or string"));
      return null;
  }
}

function checkRange(port: number, endPort: number | null, at: FieldPath, errors: FieldError[]): void {
  for (const message of portNumberErrors(port)) errors.push(invalid([...at, "port"], port, message));
  if (endPort === null) return;
  if (endPort < port) {
    errors.push(invalid([...at, "endPort"], endPort, "must be greater than or equal to `port`"));
  }
  for (const message of portNumberErrors(endPort)) errors.push(invalid([...at, "endPort"], endPort, message));
}
