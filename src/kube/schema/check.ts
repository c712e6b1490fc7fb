import { field, isApiObject } from "../decode/fields.ts";
import { duplicate, formatPath, invalid, notSupported, required, wrongType } from "../field-error.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import type { IntegerSchema, ListSchema, MapSchema, ObjectSchema, Schema, StringSchema } from "./schema.ts";

/** An error in a value, and whether its meaning is lost. */
export interface Finding {
  readonly error: FieldError;
  /** What is `excessive` (too many, too long, twice) still says what it means; what is `unreadable` does not. */
  readonly harm: "unreadable" | "excessive";
}

/**
 * Everything in a value that the schema forbids, in the API server's words, unknown fields as its strict decoding has
 * them. A field that is null is absent, a null item of a list is an error, as custom resources have it.
 */
export function checkAgainst(schema: Schema, value: unknown, at: FieldPath): readonly Finding[] {
  const findings: Finding[] = [];
  check(schema, value, at, findings);
  return findings;
}

function check(schema: Schema, value: unknown, at: FieldPath, findings: Finding[]): void {
  const before = findings.length;
  switch (schema.type) {
    case "string":
      checkString(schema, value, at, findings);
      break;
    case "integer":
      checkInteger(schema, value, at, findings);
      break;
    case "array":
      checkList(schema, value, at, findings);
      break;
    case "map":
      checkMap(schema, value, at, findings);
      break;
    case "object":
      checkObject(schema, value, at, findings);
      break;
    case "shut":
      unreadable(findings, unknownField(at, schema.why));
      return;
  }
  // CEL rules are asked of values that are of the right shape; what is wrong further inside is another matter.
  if (schema.validations === undefined) return;
  const sound = findings.slice(before).every(({ error }) => error.path.length > at.length);
  if (!sound) return;
  for (const { message, holds, isReadable } of schema.validations) {
    if (holds(value)) continue;
    findings.push({ error: invalidFor(value, message, at), harm: isReadable?.(value) ? "excessive" : "unreadable" });
  }
}

function unreadable(findings: Finding[], error: FieldError): void {
  findings.push({ error, harm: "unreadable" });
}

function excessive(findings: Finding[], error: FieldError): void {
  findings.push({ error, harm: "excessive" });
}

/** The API server repeats only values that are texts. */
function invalidFor(value: unknown, message: string, at: FieldPath): FieldError {
  return typeof value === "string" ? invalid(at, value, message) : { path: at, message: `Invalid value: ${message}` };
}

/** A field that is there and means nothing, or nothing yet. */
export function unknownField(at: FieldPath, why = ""): FieldError {
  return { path: at, message: why === "" ? "unknown field" : `unknown field: ${why}` };
}

function outOfBounds(at: FieldPath, value: number, bound: string): FieldError {
  return invalid(at, value, `${formatPath(at)} in body should ${bound}`);
}

function tooMany(at: FieldPath, count: number, most: number): FieldError {
  return { path: at, message: `Too many: ${count}: must have at most ${most} ${most === 1 ? "item" : "items"}` };
}

function checkString(schema: StringSchema, value: unknown, at: FieldPath, findings: Finding[]): void {
  if (typeof value !== "string") {
    unreadable(findings, wrongType(at, value, "string"));
    if (schema.enum !== undefined) unreadable(findings, notSupported(at, value, schema.enum));
    return;
  }
  const { maxLength, pattern } = schema;
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    unreadable(findings, notSupported(at, value, schema.enum));
  }
  // The API server counts characters, and says bytes.
  if (maxLength !== undefined && isLonger(value, maxLength)) {
    excessive(findings, { path: at, message: `Too long: may not be more than ${maxLength} bytes` });
  }
  if (pattern !== undefined && !matchesPattern(pattern, value)) {
    unreadable(findings, invalid(at, value, `${formatPath(at)} in body should match '${pattern}'`));
  }
}

/** Whether a text has more characters than that; pairs of surrogates are one. */
export function isLonger(text: string, most: number): boolean {
  if (text.length <= most) return false;
  return text.length > 2 * most || Array.from(text).length > most;
}

/** The longest text that a pattern is tried on, since it may take quadratic time; who reads longer ones reports them. */
const longestMatched = 1024;

/** As many as the schemas have. */
const compiled = new Map<string, RegExp>();

function matchesPattern(pattern: string, text: string): boolean {
  if (text.length > longestMatched) return true;
  const expression = compiled.get(pattern) ?? new RegExp(pattern);
  compiled.set(pattern, expression);
  return expression.test(text);
}

function checkInteger(schema: IntegerSchema, value: unknown, at: FieldPath, findings: Finding[]): void {
  const { minimum, maximum } = schema;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    unreadable(findings, wrongType(at, value, "integer"));
  } else if (value < minimum) {
    unreadable(findings, outOfBounds(at, value, `be greater than or equal to ${minimum}`));
  } else if (value > maximum) {
    unreadable(findings, outOfBounds(at, value, `be less than or equal to ${maximum}`));
  }
}

function checkList(schema: ListSchema, value: unknown, at: FieldPath, findings: Finding[]): void {
  if (!Array.isArray(value)) {
    unreadable(findings, wrongType(at, value, "array"));
    return;
  }
  const { minItems = 0, maxItems = Infinity } = schema;
  if (value.length < minItems) {
    unreadable(findings, outOfBounds(at, value.length, `have at least ${minItems} items`));
  }
  if (value.length > maxItems) excessive(findings, tooMany(at, value.length, maxItems));
  value.forEach((item: unknown, index) => check(schema.items, item, [...at, index], findings));
  if (schema.unique === true) checkUnique(value, at, findings);
}

/** A value that stands there several times is reported once. */
function checkUnique(items: readonly unknown[], at: FieldPath, findings: Finding[]): void {
  const counts = new Map<unknown, number>();
  items.forEach((item, index) => {
    const count = (counts.get(item) ?? 0) + 1;
    counts.set(item, count);
    if (count === 2) excessive(findings, duplicate([...at, index], item));
  });
}

function checkMap(schema: MapSchema, value: unknown, at: FieldPath, findings: Finding[]): void {
  if (!isApiObject(value)) {
    unreadable(findings, wrongType(at, value, "object"));
    return;
  }
  for (const [key, one] of Object.entries(value)) {
    if (one !== null && one !== undefined) check(schema.values, one, [...at, key], findings);
  }
}

function checkObject(schema: ObjectSchema, value: unknown, at: FieldPath, findings: Finding[]): void {
  if (!isApiObject(value)) {
    unreadable(findings, wrongType(at, value, "object"));
    return;
  }
  let unknown = 0;
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(schema.properties, name)) continue;
    unknown++;
    unreadable(findings, unknownField([...at, name]));
  }
  let count = 0;
  for (const name of Object.keys(schema.properties)) {
    const property = schema.properties[name] as Schema;
    const inner = field(value, name);
    if (inner !== undefined) {
      count++;
      check(property, inner, [...at, name], findings);
    } else if (isRequired(schema, name, property)) unreadable(findings, required([...at, name], ""));
  }
  checkCount(schema, count, unknown, at, findings);
}

/** A default stands in before it is asked what is there. */
function isRequired(schema: ObjectSchema, name: string, property: Schema): boolean {
  const hasDefault = property.type === "string" && property.default !== undefined;
  return !hasDefault && (schema.required ?? []).includes(name);
}

function checkCount(schema: ObjectSchema, count: number, unknown: number, at: FieldPath, findings: Finding[]): void {
  const { minProperties = 0, maxProperties = Infinity } = schema;
  // Without its unknown fields it may have too few; they were reported.
  if (count < minProperties && unknown === 0) {
    unreadable(findings, outOfBounds(at, count, `have at least ${minProperties} properties`));
  }
  // More than one of what excludes one another: it is not known which was meant.
  if (count > maxProperties) unreadable(findings, tooMany(at, count, maxProperties));
}
