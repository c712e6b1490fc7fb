import type { FieldError, FieldPath } from "../field-error.ts";
import { wrongType } from "../field-error.ts";

/**
 * Reading one field of an API object. All readers treat null as absent, as the API server does, report a value of the
 * wrong type and then go on as if it were absent: whoever must know the difference looks whether errors were added.
 * `path` is the path of the object that has the field.
 */
export type ApiObject = Readonly<Record<string, unknown>>;

/** What decoding gives: what can be relied on, and everything that is wrong. */
export interface Decoded<T> {
  readonly value: T | null;
  readonly errors: readonly FieldError[];
}

export function isApiObject(value: unknown): value is ApiObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The field itself; undefined where it is absent or null. Inherited names (`constructor`) are absent. */
export function field(object: ApiObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

const empty: ApiObject = {};

/** The object itself, or an empty one where it is something else. */
export function asObject(value: unknown, path: FieldPath, errors: FieldError[]): ApiObject {
  if (isApiObject(value)) return value;
  errors.push(wrongType(path, value, "object"));
  return empty;
}

export function readObject(object: ApiObject, name: string, path: FieldPath, errors: FieldError[]): ApiObject | null {
  const value = field(object, name);
  if (value === undefined) return null;
  if (isApiObject(value)) return value;
  errors.push(wrongType([...path, name], value, "object"));
  return null;
}

/** Absent is empty. */
export function readList(object: ApiObject, name: string, path: FieldPath, errors: FieldError[]): readonly unknown[] {
  const value = field(object, name);
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  errors.push(wrongType([...path, name], value, "array"));
  return [];
}

export function readString(object: ApiObject, name: string, path: FieldPath, errors: FieldError[]): string | null {
  const value = field(object, name);
  if (value === undefined) return null;
  if (typeof value === "string") return value;
  errors.push(wrongType([...path, name], value, "string"));
  return null;
}

/** Absent is false. */
export function readBoolean(object: ApiObject, name: string, path: FieldPath, errors: FieldError[]): boolean {
  const value = field(object, name);
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  errors.push(wrongType([...path, name], value, "boolean"));
  return false;
}

export function readInteger(object: ApiObject, name: string, path: FieldPath, errors: FieldError[]): number | null {
  const value = field(object, name);
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  errors.push(wrongType([...path, name], value, "integer"));
  return null;
}

/**
 * The objects of a list, each with its path; items that are none are reported and left out. A null item is an empty
 * object, as in the API server: it decodes null into what it had, which is nothing.
 */
export function* objectsOf(
  object: ApiObject,
  name: string,
  path: FieldPath,
  errors: FieldError[],
): Generator<{ readonly item: ApiObject; readonly path: FieldPath }> {
  const list = readList(object, name, path, errors);
  for (let index = 0; index < list.length; index++) {
    const item = list[index] ?? empty;
    const itemPath = [...path, name, index];
    if (isApiObject(item)) yield { item, path: itemPath };
    else errors.push(wrongType(itemPath, item, "object"));
  }
}

/** The strings of a list, each with its path, a null item as an empty one; other items are reported and left out. */
export function* stringsOf(
  object: ApiObject,
  name: string,
  path: FieldPath,
  errors: FieldError[],
): Generator<{ readonly item: string; readonly path: FieldPath }> {
  const list = readList(object, name, path, errors);
  for (let index = 0; index < list.length; index++) {
    const item: unknown = list[index] ?? "";
    const itemPath = [...path, name, index];
    if (typeof item === "string") yield { item, path: itemPath };
    else errors.push(wrongType(itemPath, item, "string"));
  }
}

/** A map of strings. A null value is an empty one, as in the API server; null where any value is no string. */
export function readStringMap(
  object: ApiObject,
  name: string,
  path: FieldPath,
  errors: FieldError[],
): readonly (readonly [string, string])[] | null {
  const value = field(object, name);
  if (value === undefined) return [];
  if (!isApiObject(value)) {
    errors.push(wrongType([...path, name], value, "object"));
    return null;
  }
  const before = errors.length;
  const entries: [string, string][] = [];
  for (const [key, one] of Object.entries(value)) {
    if (typeof one === "string") entries.push([key, one]);
    else if (one === null) entries.push([key, ""]);
    else errors.push(wrongType([...path, name, key], one, "string"));
  }
  return errors.length > before ? null : entries;
}
