/** One requirement of a label selector (meta/v1 LabelSelectorRequirement; matchLabels become `In` with one value). */
export type Requirement =
  | { readonly operator: "In"; readonly key: string; readonly values: readonly string[] }
  | { readonly operator: "NotIn"; readonly key: string; readonly values: readonly string[] }
  | { readonly operator: "Exists"; readonly key: string }
  | { readonly operator: "DoesNotExist"; readonly key: string };

/** A label selector in canonical form: requirements sorted and without doubles, all ANDed; none matches everything. */
export interface Selector {
  readonly requirements: readonly Requirement[];
}
