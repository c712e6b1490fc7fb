import type { Labels } from "../kube/labels.ts";
import type { CompileOptions } from "./options.ts";

/** By this label, with the value `deny`, a namespace denies what no policy decides (semantics.md, 12). */
export const defaultVerdictLabel = "portcullis.dev/default-verdict";

/** What happens to connections of the pods of a namespace that no policy decides. */
export function fallbackOf(
  namespaceLabels: Labels,
  options: Pick<CompileOptions, "defaultVerdict">,
): "accept" | "deny" {
  return options.defaultVerdict === "deny" || namespaceLabels.get(defaultVerdictLabel) === "deny" ? "deny" : "accept";
}
