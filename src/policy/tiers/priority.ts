import { type ApiObject, field } from "../../kube/decode/fields.ts";

/** The priority; one that is out of bounds is reported and still orders. Null where there is none. */
export function priorityOf(spec: ApiObject): number | null {
  const priority = field(spec, "priority");
  return typeof priority === "number" && Number.isInteger(priority) && Math.abs(priority) < 2 ** 31 ? priority : null;
}
