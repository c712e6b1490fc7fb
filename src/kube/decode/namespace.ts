import type { FieldError } from "../field-error.ts";
import { internLabels } from "../labels.ts";
import type { Namespace } from "../objects.ts";
import { namespaceNameLabel } from "../selector.ts";
import { dnsLabelErrors } from "../syntax.ts";
import type { Decoded } from "./fields.ts";
import { asObject } from "./fields.ts";
import { readMetadata } from "./metadata.ts";

/** A Namespace of this name with these labels and the one that every Namespace has. */
export function namespaceWith(name: string, labels: Iterable<readonly [string, string]>): Namespace {
  return { kind: "Namespace", name, labels: internLabels([...labels, [namespaceNameLabel, name]]) };
}

/**
 * Decodes a v1 Namespace. Null where the name or the labels cannot be read. The API server sets the label with the
 * name whatever the object says, and so do we.
 */
export function decodeNamespace(object: unknown): Decoded<Namespace> {
  const errors: FieldError[] = [];
  const namespace = asObject(object, [], errors);
  if (errors.length > 0) return { value: null, errors };
  const { name, labels } = readMetadata(namespace, dnsLabelErrors, "cluster", errors);
  return { value: name === null || labels === null ? null : namespaceWith(name, labels), errors };
}
