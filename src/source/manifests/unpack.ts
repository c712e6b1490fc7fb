import type { PathStep } from "../../kube/field-error.ts";
import type { ManifestDocument } from "./document.ts";

/** One Kubernetes object of a document; `path` leads to it (empty unless it stands in a list). */
export interface Item {
  readonly object: Readonly<Record<string, unknown>>;
  readonly path: readonly PathStep[];
}

export interface Misfit {
  readonly path: readonly PathStep[];
  readonly message: string;
}

/** Lists in lists; kubectl unpacks them too. */
const deepest = 8;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Items of a typed list, as the API server sends them, do not repeat kind and apiVersion. */
function typed(
  item: Readonly<Record<string, unknown>>,
  list: Readonly<Record<string, unknown>>,
  kind: string,
): Item["object"] {
  const itemKind = kind.slice(0, -"List".length);
  if (itemKind === "" || (item["kind"] !== undefined && item["apiVersion"] !== undefined)) return item;
  return { apiVersion: list["apiVersion"], kind: itemKind, ...item };
}

function* unpack(value: unknown, path: readonly PathStep[], depth: number): Generator<Item | Misfit> {
  if (value === null && depth > 0) return;
  if (!isRecord(value)) {
    yield { path, message: "not a Kubernetes object: a map with apiVersion and kind is expected" };
    return;
  }
  const kind = value["kind"];
  if (typeof kind !== "string" || !kind.endsWith("List") || !("items" in value)) {
    yield { object: value, path };
    return;
  }
  const items = value["items"];
  if (items === null) return;
  if (!Array.isArray(items) || depth === deepest) {
    yield { path: [...path, "items"], message: depth === deepest ? "lists are nested too deeply" : "must be a list" };
    return;
  }
  for (const [index, item] of items.entries()) {
    yield* unpack(isRecord(item) ? typed(item, value, kind) : item, [...path, "items", index], depth + 1);
  }
}

/** The objects of a document: the document itself, or what its `List` (or `PodList`, …) holds. Nothing for an empty one. */
export function unpackDocument(document: ManifestDocument): Iterable<Item | Misfit> {
  return document.value === null || document.value === undefined ? [] : unpack(document.value, [], 0);
}
