import type { PortProtocol } from "../../net/protocol.ts";
import { portProtocols } from "../../net/protocol.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import { notSupported } from "../field-error.ts";

/** Reads the name of a protocol with ports, in capitals as the API wants it; reports and gives null for others. */
export function decodePortProtocol(text: string, at: FieldPath, errors: FieldError[]): PortProtocol | null {
  const protocol = portProtocols.find((one) => one === text);
  if (protocol === undefined) errors.push(notSupported(at, text, portProtocols));
  return protocol ?? null;
}
