import type { ApiObject } from "../kube/decode/fields.ts";
import { field, isApiObject } from "../kube/decode/fields.ts";
import type { FieldError } from "../kube/field-error.ts";
import { notSupported } from "../kube/field-error.ts";
import type { Policy } from "./policy.ts";

/** The label or annotation of a policy object that puts it in audit (semantics.md, 13). */
export const modeLabel = "portcullis.dev/mode";

const modes = ["audit", "enforce"];

/**
 * Reads the mode from a policy's metadata, label or annotation: either puts it in audit. Anything illegible is
 * reported and the policy enforced.
 */
export function readMode(metadata: ApiObject, errors: FieldError[]): Policy["mode"] {
  let audit = false;
  for (const name of ["labels", "annotations"]) {
    const map = field(metadata, name);
    const mode = isApiObject(map) ? field(map, modeLabel) : undefined;
    if (mode === undefined) continue;
    if (mode === "audit") audit = true;
    else if (mode !== "enforce") errors.push(notSupported(["metadata", name, modeLabel], mode, modes));
  }
  return audit ? "audit" : "enforce";
}
