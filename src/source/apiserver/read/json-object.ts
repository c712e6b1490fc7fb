import type { ApiObject } from "../../../kube/decode/fields.ts";
import { field, isApiObject } from "../../../kube/decode/fields.ts";
import type { Meaning, Seen } from "../seen.ts";

/** What an object of the resource says. */
export type Decode = (object: ApiObject) => Meaning;

const text = (object: ApiObject, name: string): string => {
  const value = field(object, name);
  return typeof value === "string" ? value : "";
};

/**
 * The newest time in metadata that the server's own clock wrote: when a field was last written, by whom ever, or the
 * object made. All in whole seconds. `deletionTimestamp` is no such time: it lies in the future. The texts are all of
 * one form (RFC 3339, UTC, no fractions), in which the later one is the greater one.
 */
function stampOf(metadata: ApiObject): number {
  let newest = text(metadata, "creationTimestamp");
  const managed = field(metadata, "managedFields");
  for (const entry of Array.isArray(managed) ? managed : []) {
    const time = isApiObject(entry) ? text(entry, "time") : "";
    if (time > newest) newest = time;
  }
  const milliseconds = newest === "" ? 0 : Date.parse(newest);
  return Number.isNaN(milliseconds) ? 0 : milliseconds;
}

/** Null: it has no name, so that nothing can be said about it. */
export function seenOf(value: unknown, decode: Decode): Seen | null {
  if (!isApiObject(value)) return null;
  const metadata = field(value, "metadata");
  if (!isApiObject(metadata)) return null;
  const name = text(metadata, "name");
  if (name === "") return null;
  const generation = field(metadata, "generation");
  return {
    namespace: text(metadata, "namespace") || null,
    name,
    uid: text(metadata, "uid"),
    resourceVersion: text(metadata, "resourceVersion"),
    generation: typeof generation === "number" ? generation : 0,
    stampedAt: stampOf(metadata),
    meaning: decode(value),
  };
}
