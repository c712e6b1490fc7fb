import { defaultLimits } from "../../source/manifests/limits.ts";
import { decodeText, listManifests, readBounded } from "../../source/manifests/files.ts";
import { meaningOf } from "../../source/manifests/kinds.ts";
import { readDocuments } from "../../source/manifests/read-documents.ts";
import { unpackDocument } from "../../source/manifests/unpack.ts";

/** An object as it stands in a manifest. */
export type RawObject = Readonly<Record<string, unknown>>;

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

async function objectsOf(path: string): Promise<readonly RawObject[]> {
  const bytes = await readBounded(path, defaultLimits.fileBytes, true);
  const objects: RawObject[] = [];
  for (const document of await readDocuments(decodeText(bytes), path.endsWith(".json"), defaultLimits)) {
    if (document.kind === "broken") continue;
    for (const item of unpackDocument(document)) if ("object" in item) objects.push(item.object);
  }
  return objects;
}

/**
 * All objects of the manifests, as they stand there. What cannot be read is left out: `readManifests`, which is asked
 * for the same paths, reports it.
 */
export async function rawObjects(paths: readonly string[], recursive: boolean): Promise<readonly RawObject[]> {
  const objects: RawObject[] = [];
  for (const path of paths) {
    const files = await listManifests(path, recursive, defaultLimits.files).catch(() => []);
    for (const file of files) objects.push(...(await objectsOf(file).catch(() => [])));
  }
  return objects;
}

/** Whether the object is a policy, valid or not. */
export function isPolicy(object: RawObject): boolean {
  const [apiVersion, kind] = [text(object["apiVersion"]), text(object["kind"])];
  const coreKinds = ["", "Pod", "Namespace", "Node", "Service"];
  return !coreKinds.includes(kind) && meaningOf(apiVersion, kind, object).kind === "policy";
}

/** Identity of a raw object: kind, namespace and name, told apart by JSON's quoting. */
export function rawKey(object: RawObject): string {
  const metadata = object["metadata"];
  const fields = typeof metadata === "object" && metadata !== null ? (metadata as RawObject) : {};
  const namespace = text(fields["namespace"]) === "" ? "default" : text(fields["namespace"]);
  return JSON.stringify([text(object["kind"]), namespace, text(fields["name"])]);
}
