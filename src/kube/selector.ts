import type { Labels } from "./labels.ts";

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

/** Selects every object, also one without labels. */
export const everything: Selector = { requirements: [] };

/** The label that every Namespace has: its own name. */
export const namespaceNameLabel = "kubernetes.io/metadata.name";

function canonicalRequirement(requirement: Requirement): Requirement {
  const { operator, key } = requirement;
  if (operator === "Exists" || operator === "DoesNotExist") return { operator, key };
  return { operator, key, values: [...new Set(requirement.values)].sort() };
}

function requirementKey(requirement: Requirement): string {
  const { operator, key } = requirement;
  const hasValues = operator === "In" || operator === "NotIn";
  return JSON.stringify(hasValues ? [key, operator, ...requirement.values] : [key, operator]);
}

/** The canonical form of requirements in any order, with doubles. */
export function selectorOf(requirements: readonly Requirement[]): Selector {
  if (requirements.length === 0) return everything;
  const byKey = new Map<string, Requirement>();
  for (const requirement of requirements.map(canonicalRequirement)) byKey.set(requirementKey(requirement), requirement);
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  return { requirements: sorted.map(([, requirement]) => requirement) };
}

/** An equality-based selector (matchLabels, a Service's selector). */
export function equalitySelector(labels: Iterable<readonly [string, string]>): Selector {
  return selectorOf([...labels].map(([key, value]) => ({ operator: "In", key, values: [value] })));
}

/** Selects the one Namespace of this name. */
export function nameSelector(namespace: string): Selector {
  return equalitySelector([[namespaceNameLabel, namespace]]);
}

export function requirementMatches(requirement: Requirement, labels: Labels): boolean {
  switch (requirement.operator) {
    case "In": {
      const value = labels.get(requirement.key);
      return value !== undefined && requirement.values.includes(value);
    }
    case "NotIn": {
      // An object without the key is not in the values either.
      const value = labels.get(requirement.key);
      return value === undefined || !requirement.values.includes(value);
    }
    case "Exists":
      return labels.has(requirement.key);
    case "DoesNotExist":
      return !labels.has(requirement.key);
  }
}

export function matches(selector: Selector, labels: Labels): boolean {
  for (const requirement of selector.requirements) if (!requirementMatches(requirement, labels)) return false;
  return true;
}

/** Text that two selectors share exactly if they are equal. Not for people: see `formatSelector`. */
export function selectorKey(selector: Selector): string {
  return `[${selector.requirements.map(requirementKey).join(",")}]`;
}

function formatRequirement(requirement: Requirement): string {
  switch (requirement.operator) {
    case "In":
      if (requirement.values.length === 1) return `${requirement.key}=${requirement.values[0]}`;
      return `${requirement.key} in (${requirement.values.join(",")})`;
    case "NotIn":
      return `${requirement.key} notin (${requirement.values.join(",")})`;
    case "Exists":
      return requirement.key;
    case "DoesNotExist":
      return `!${requirement.key}`;
  }
}

/** As kubectl prints it: `app=web,tier in (a,b),!legacy`; `<none>` for the selector of everything. */
export function formatSelector(selector: Selector): string {
  if (selector.requirements.length === 0) return "<none>";
  return selector.requirements.map(formatRequirement).join(",");
}
