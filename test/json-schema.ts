import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The part of JSON Schema 2020-12 that docs/schemas uses. */
interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

const known = new Set(["$schema", "$id", "$ref", "$defs", "title", "description", "type", "const", "enum"]).union(
  new Set(["required", "properties", "additionalProperties", "items", "oneOf"]),
);

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function resolve(schema: Schema, root: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = root.$defs?.[schema.$ref.replace("#/$defs/", "")];
  if (target === undefined) throw new Error(`the schema has no ${schema.$ref}`);
  return target;
}

function objectErrors(value: object, schema: Schema, root: Schema, path: string): string[] {
  const fields = Object.entries(value) as [string, unknown][];
  const missing = (schema.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${path}.${name} is missing`);
  const extra = fields.filter(
    ([name]) => schema.additionalProperties === false && !(name in (schema.properties ?? {})),
  );
  const inside = fields.flatMap(([name, field]) => {
    const of = schema.properties?.[name];
    return of === undefined ? [] : errorsOf(field, of, root, `${path}.${name}`);
  });
  return [...missing, ...extra.map(([name]) => `${path}.${name} is not in the schema`), ...inside];
}

function errorsOf(value: unknown, given: Schema, root: Schema, path: string): string[] {
  const schema = resolve(given, root);
  const unknownWords = Object.keys(schema).filter((word) => !known.has(word));
  if (unknownWords.length > 0) throw new Error(`${path}: this checker does not know ${unknownWords.join(", ")}`);
  const errors: string[] = [];
  if (schema.type !== undefined && ![schema.type].flat().includes(typeOf(value)))
    errors.push(`${path} is ${typeOf(value)}`);
  if ("const" in schema && schema.const !== value) errors.push(`${path} is not ${JSON.stringify(schema.const)}`);
  if (schema.enum !== undefined && !schema.enum.includes(value))
    errors.push(`${path} is none of ${schema.enum.join(", ")}`);
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((one) => errorsOf(value, one, root, path).length === 0);
    if (fitting.length !== 1) errors.push(`${path} fits ${fitting.length} of the alternatives`);
  }
  if (schema.items !== undefined && Array.isArray(value)) {
    const { items } = schema;
    errors.push(...value.flatMap((item, index) => errorsOf(item, items, root, `${path}[${index}]`)));
  }
  if (typeOf(value) === "object") errors.push(...objectErrors(value as object, schema, root, path));
  return errors;
}

/** What in a value does not fit a schema of docs/schemas; empty: it fits. Throws on schemas that it cannot check. */
export function schemaErrors(value: unknown, file: string): readonly string[] {
  const path = join(import.meta.dirname, "..", "docs", "schemas", file);
  const root = JSON.parse(readFileSync(path, "utf8")) as Schema;
  return errorsOf(value, root, root, "$");
}
