import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { invalid } from "../../kube/field-error.ts";
import { internString } from "../../kube/interning.ts";
import { portNameErrors } from "../../kube/syntax.ts";
import type { PortMatch } from "../policy.ts";

/**
 * Reads the name of a port, which matches every protocol that the destination declares under it. The CRDs take any text;
 * one that no pod could declare is no name: a rule that denies it would deny nothing, in silence.
 */
export function decodePortName(name: string, at: FieldPath, errors: FieldError[]): PortMatch | null {
  const wrong = portNameErrors(name);
  for (const message of wrong) errors.push(invalid(at, name, message));
  return wrong.length > 0 ? null : { kind: "named", name: internString(name), protocol: null };
}
