import type { ApiObject } from "../../kube/decode/fields.ts";
import { field, readList } from "../../kube/decode/fields.ts";
import type { FieldError, FieldPath } from "../../kube/field-error.ts";
import { invalid, notSupported, wrongType } from "../../kube/field-error.ts";
import type { Direction } from "../policy.ts";

/** The directions that a policy speaks of. */
export type Directions = Readonly<Record<Direction, boolean>>;

const policyTypes = ["Ingress", "Egress"];

/**
 * The directions of a NetworkPolicy's spec (semantics.md). Where `policyTypes` has errors the policy speaks of the
 * directions that it names legibly, a slip of case forgiven; where it names none legibly, of both: it was written to
 * isolate, so it must not do nothing.
 */
export function decodeDirections(spec: ApiObject, path: FieldPath, errors: FieldError[]): Directions {
  const before = errors.length;
  const list = readList(spec, "policyTypes", path, errors);
  if (list.length === 0 && errors.length === before) return { ingress: true, egress: hasEgressRules(spec) };
  reportTypes(list, [...path, "policyTypes"], errors);
  const named = new Set(list.map((type) => (typeof type === "string" ? type.slice(0, 64).trim().toLowerCase() : "")));
  const ingress = named.has("ingress");
  const egress = named.has("egress");
  return ingress || egress ? { ingress, egress } : { ingress: true, egress: true };
}

/** An `egress` that is no list cannot be read, and may hold rules. */
function hasEgressRules(spec: ApiObject): boolean {
  const egress = field(spec, "egress");
  return egress !== undefined && !(Array.isArray(egress) && egress.length === 0);
}

function reportTypes(list: readonly unknown[], path: FieldPath, errors: FieldError[]): void {
  const wrong = errors.length;
  list.forEach((type, index) => {
    if (typeof type !== "string") errors.push(wrongType([...path, index], type, "string"));
  });
  if (errors.length > wrong) return;
  if (list.length > policyTypes.length) {
    errors.push(invalid(path, list, "may not specify more than two policyTypes"));
    return;
  }
  list.forEach((type, index) => {
    if (!policyTypes.some((one) => one === type)) errors.push(notSupported([...path, index], type, policyTypes));
  });
}
