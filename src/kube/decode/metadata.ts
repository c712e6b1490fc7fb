import type { FieldError, FieldPath } from "../field-error.ts";
import { invalid, required, wrongType } from "../field-error.ts";
import type { Labels } from "../labels.ts";
import { createInterner, hashSeed, hashText, internString } from "../interning.ts";
import { internLabels } from "../labels.ts";
import type { OwnerReference } from "../objects.ts";
import type { SyntaxCheck } from "../syntax.ts";
import { dnsLabelErrors, labelValueErrors, qualifiedNameErrors } from "../syntax.ts";
import type { ApiObject } from "./fields.ts";
import { field, objectsOf, readObject, readString, readStringMap } from "./fields.ts";

/** What we read of metadata. Null: it could not be read, and that is reported. */
export interface Metadata {
  readonly name: string | null;
  /** `default` where it is absent, as kubectl does; callers with another default put it into the object first. */
  readonly namespace: string | null;
  readonly uid: string;
  /** Seconds since the epoch; 0 where the object does not say. */
  readonly created: number;
  /** It has been deleted, and waits for its end. */
  readonly terminating: boolean;
  readonly labels: Labels | null;
  readonly owner: OwnerReference | null;
}

const path: FieldPath = ["metadata"];

/** `metadata`, or an empty one. */
export function metadataOf(object: ApiObject, errors: FieldError[]): ApiObject {
  return readObject(object, "metadata", [], errors) ?? {};
}

/** Reports what is wrong with a text; whether it is well formed. */
export function checkSyntax(text: string, at: FieldPath, check: SyntaxCheck, errors: FieldError[]): boolean {
  const wrong = check(text);
  for (const message of wrong) errors.push(invalid(at, text, message));
  return wrong.length === 0;
}

/** The name, however it looks, and whether it is valid; null where there is none. */
export function readName(
  metadata: ApiObject,
  check: SyntaxCheck,
  errors: FieldError[],
): { readonly text: string; readonly valid: boolean } | null {
  const before = errors.length;
  const name = readString(metadata, "name", path, errors);
  if (name === null || name === "") {
    const generated = field(metadata, "generateName");
    const message =
      typeof generated === "string" && generated !== ""
        ? "generateName alone is no name: only the API server makes one of it"
        : "name or generateName is required";
    if (errors.length === before) errors.push(required([...path, "name"], message));
    return null;
  }
  return { text: name, valid: checkSyntax(name, [...path, "name"], check, errors) };
}

/** The namespace of a namespaced object: valid, or null. */
export function readNamespace(metadata: ApiObject, errors: FieldError[]): string | null {
  const before = errors.length;
  const namespace = readString(metadata, "namespace", path, errors);
  if (errors.length > before) return null;
  if (namespace === null || namespace === "") return "default";
  return checkSyntax(namespace, [...path, "namespace"], dnsLabelErrors, errors) ? internString(namespace) : null;
}

/** A map of labels, checked as labels are; null where any of them is wrong. */
export function readLabels(object: ApiObject, name: string, at: FieldPath, errors: FieldError[]): Labels | null {
  const entries = readStringMap(object, name, at, errors);
  if (entries === null) return null;
  return checkLabels(entries, [...at, name], errors) ? internLabels(entries) : null;
}

/** Checks keys and values of labels. Kubernetes reports both under the path of the whole map. */
export function checkLabels(
  entries: readonly (readonly [string, string])[],
  at: FieldPath,
  errors: FieldError[],
): boolean {
  const before = errors.length;
  for (const [key, value] of entries) {
    checkSyntax(key, at, qualifiedNameErrors, errors);
    checkSyntax(value, at, labelValueErrors, errors);
  }
  return errors.length === before;
}

function readCreated(metadata: ApiObject, errors: FieldError[]): number {
  const value = field(metadata, "creationTimestamp");
  if (value === undefined) return 0;
  // YAML reads an unquoted timestamp as a date.
  const milliseconds = value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : NaN;
  if (!Number.isNaN(milliseconds)) return Math.floor(milliseconds / 1000);
  errors.push(wrongType([...path, "creationTimestamp"], value, "string"));
  return 0;
}

/** The pods of one workload share their owner. */
const internOwner = createInterner<OwnerReference, OwnerReference>(
  ({ kind, name, uid }) => hashText(hashText(hashText(hashSeed, kind), name), uid),
  (a, b) => a.kind === b.kind && a.name === b.name && a.uid === b.uid,
  ({ kind, name, uid }) => ({ kind: internString(kind), name: internString(name), uid }),
);

/** The controlling owner; of owners that do not say, the first. */
function readOwner(metadata: ApiObject, errors: FieldError[]): OwnerReference | null {
  if (field(metadata, "ownerReferences") === undefined) return null;
  let first: OwnerReference | null = null;
  for (const { item, path: at } of objectsOf(metadata, "ownerReferences", path, errors)) {
    const kind = readString(item, "kind", at, errors) ?? "";
    if (kind === "") continue;
    const name = readString(item, "name", at, errors) ?? "";
    const owner = internOwner({ kind, name, uid: readString(item, "uid", at, errors) ?? "" });
    if (field(item, "controller") === true) return owner;
    first ??= owner;
  }
  return first;
}

const unread: Metadata = {
  name: null,
  namespace: null,
  uid: "",
  created: 0,
  terminating: false,
  labels: null,
  owner: null,
};

/** Reads metadata with all its errors. */
export function readMetadata(
  object: ApiObject,
  nameCheck: SyntaxCheck,
  scope: "namespaced" | "cluster",
  errors: FieldError[],
): Metadata {
  const before = errors.length;
  const metadata = metadataOf(object, errors);
  if (errors.length > before) return unread;
  const name = readName(metadata, nameCheck, errors);
  return {
    name: name !== null && name.valid ? internString(name.text) : null,
    namespace: scope === "namespaced" ? readNamespace(metadata, errors) : null,
    uid: readString(metadata, "uid", path, errors) ?? "",
    created: readCreated(metadata, errors),
    terminating: field(metadata, "deletionTimestamp") !== undefined,
    labels: readLabels(metadata, "labels", path, errors),
    owner: readOwner(metadata, errors),
  };
}
