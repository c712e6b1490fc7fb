import type { FieldError, FieldPath } from "../field-error.ts";
import { forbidden, invalid, required } from "../field-error.ts";
import type { Requirement, Selector } from "../selector.ts";
import { everything, selectorOf } from "../selector.ts";
import { labelValueErrors, qualifiedNameErrors } from "../syntax.ts";
import type { ApiObject } from "./fields.ts";
import { objectsOf, readString, readStringMap, stringsOf } from "./fields.ts";
import { checkLabels, checkSyntax } from "./metadata.ts";

/**
 * Decodes a meta/v1 LabelSelector, a value that is there and is an object. Null where anything in it is wrong: a
 * selector that is half understood selects the wrong objects. `at` is its own path.
 */
export function decodeSelector(selector: ApiObject, at: FieldPath, errors: FieldError[]): Selector | null {
  const before = errors.length;
  const requirements: Requirement[] = [];
  const labels = readStringMap(selector, "matchLabels", at, errors);
  if (labels !== null && checkLabels(labels, [...at, "matchLabels"], errors)) {
    for (const [key, value] of labels) requirements.push({ operator: "In", key, values: [value] });
  }
  for (const { item, path } of objectsOf(selector, "matchExpressions", at, errors)) {
    const requirement = decodeRequirement(item, path, errors);
    if (requirement !== null) requirements.push(requirement);
  }
  if (errors.length > before) return null;
  return requirements.length === 0 ? everything : selectorOf(requirements);
}

function decodeRequirement(requirement: ApiObject, at: FieldPath, errors: FieldError[]): Requirement | null {
  const before = errors.length;
  const operator = readString(requirement, "operator", at, errors) ?? "";
  const operatorRead = errors.length === before;
  const values: string[] = [];
  const valuePaths: FieldPath[] = [];
  for (const { item, path } of stringsOf(requirement, "values", at, errors)) {
    values.push(item);
    valuePaths.push(path);
  }
  const given = Array.isArray(requirement["values"]) ? requirement["values"].length : values.length;
  if (operatorRead) checkValueCount(operator, given, at, errors);
  const key = readString(requirement, "key", at, errors) ?? "";
  checkSyntax(key, [...at, "key"], qualifiedNameErrors, errors);
  values.forEach((value, index) => checkSyntax(value, valuePaths[index] ?? at, labelValueErrors, errors));
  if (errors.length > before) return null;
  switch (operator) {
    case "In":
    case "NotIn":
      return { operator, key, values };
    case "Exists":
    case "DoesNotExist":
      return { operator, key };
    default:
      throw new Error("unreachable: other operators were reported");
  }
}

function checkValueCount(operator: string, count: number, at: FieldPath, errors: FieldError[]): void {
  switch (operator) {
    case "In":
    case "NotIn":
      if (count > 0) return;
      errors.push(required([...at, "values"], "must be specified when `operator` is 'In' or 'NotIn'"));
      return;
    case "Exists":
    case "DoesNotExist":
      if (count === 0) return;
      errors.push(forbidden([...at, "values"], "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      return;
    default:
      errors.push(invalid([...at, "operator"], operator, "not a valid selector operator"));
  }
}
