import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const folder = join(import.meta.dirname, "..", "apiserver", "crds");

/** What is read of the schemas of CRDs and of OpenAPI. */
interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly format?: string;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly group: string;
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Paths of all fields of a schema; each value of an enumeration is one, a label selector is one. */
function fieldsOf(schema: Schema, named: Readonly<Record<string, Schema>>): readonly string[] {
  const found: string[] = [];
  const visit = (given: Schema, path: string): void => {
    const reference = given.$ref ?? given.allOf?.[0]?.$ref;
    const one = reference === undefined ? given : (named[reference.split("/").at(-1) ?? ""] ?? {});
    const names = Object.keys(one.properties ?? {});
    if (names.toSorted().join(" ") === "matchExpressions matchLabels") return;
    for (const value of one.enum ?? []) found.push(`${path}=${value}`);
    if (one.format === "int-or-string") found.push(`${path}=NUMBER`, `${path}=NAME`);
    if (one.items !== undefined) visit(one.items, `${path}[]`);
    for (const name of names) {
      const below = path === "" ? name : `${path}.${name}`;
      found.push(below);
      const property = one.properties?.[name];
      // Of an object's metadata only the names of objects and policies are anybody's here.
      if (property !== undefined && below !== "metadata") visit(property, below);
    }
  };
  visit(schema, "");
  return found;
}

/** The fields of a kind that has a CRD, as one channel publishes it. */
export function crdFields(file: string): { kind: string; version: string; fields: readonly string[] } {
  const { spec } = parse(readFileSync(join(folder, file), "utf8")) as Definition;
  const [version, ...others] = spec.versions;
  if (version === undefined || others.length > 0) throw new Error(`${file}: versions to choose from`);
  return {
    kind: spec.names.kind,
    version: `${spec.group}/${version.name}`,
    fields: fieldsOf(version.schema.openAPIV3Schema, {}),
  };
}

/** The fields of NetworkPolicy, which has no CRD. */
export function networkPolicyFields(): readonly string[] {
  const text = readFileSync(join(folder, "networkpolicies.v1.openapi.json"), "utf8");
  const { components } = JSON.parse(text) as { components: { schemas: Readonly<Record<string, Schema>> } };
  return fieldsOf(components.schemas["io.k8s.api.networking.v1.NetworkPolicy"] ?? {}, components.schemas);
}
