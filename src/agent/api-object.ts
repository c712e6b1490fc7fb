import type { ApiClient, ApiResponse } from "../source/apiserver/client.ts";
import type { NamespacedName } from "./setting-values.ts";

/** Metadata of an object, as far as it is looked at. */
export type ApiObjectMetadata = Readonly<Record<string, unknown>>;

/** Metadata alone: a few hundred bytes, whatever the object is. */
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/** An answer is not read further than this. */
const largest = 1 << 20;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function metadataOf(object: unknown): ApiObjectMetadata {
  const metadata = isObject(object) ? object["metadata"] : undefined;
  if (!isObject(metadata)) throw new Error("the API server's answer is no object");
  return metadata;
}

/** The whole body as JSON; throws on more than so many bytes. */
export async function readJson(response: ApiResponse, most = largest): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.length;
    if (size > most) throw new Error("the API server's answer is too long");
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

const folderOf = ({ namespace }: NamespacedName): string => `/api/v1/namespaces/${namespace}/serviceaccounts`;

/** The annotations of an object; those that are no text are left out. */
export function readAnnotations(metadata: ApiObjectMetadata): Readonly<Record<string, string>> {
  const { annotations } = metadata;
  if (!isObject(annotations)) return {};
  const texts = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts);
}

/** The metadata of a ServiceAccount; null: there is none of this name. Rejects with what the server said otherwise. */
export async function readObject(
  client: ApiClient,
  name: NamespacedName,
  signal: AbortSignal,
): Promise<ApiObjectMetadata | null> {
  const path = `${folderOf(name)}/${name.name}`;
  const response = await client.request({ method: "GET", path, accept: metadataOnly }, signal);
  if (response.status === 200) return metadataOf(await readJson(response));
  response.discard();
  if (response.status === 404) return null;
  throw new Error(`GET ${path}: the API server answered ${response.status}`);
}

/** Whole lines of a body as they come. */
async function* linesOf(response: ApiResponse): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of response.body) {
    rest += decoder.decode(part, { stream: true });
    if (rest.length > largest) throw new Error("the API server's answer is too long");
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}

/**
 * The metadata of a ServiceAccount each time it changes after `since` (null: it was not there), for so many
 * milliseconds. Its deletion says nothing. Ends when the server ends it; rejects with what the server said.
 */
export async function* watchObject(
  client: ApiClient,
  name: NamespacedName,
  since: ApiObjectMetadata | null,
  milliseconds: number,
  signal: AbortSignal,
): AsyncGenerator<ApiObjectMetadata> {
  const query = new URLSearchParams({
    watch: "1",
    allowWatchBookmarks: "true",
    fieldSelector: `metadata.name=${name.name}`,
    timeoutSeconds: String(Math.round(milliseconds / 1000)),
  });
  const version = since?.["resourceVersion"];
  if (typeof version === "string") query.set("resourceVersion", version);
  const path = `${folderOf(name)}?${query.toString()}`;
  const response = await client.request({ method: "GET", path, accept: metadataOnly }, signal);
  if (response.status !== 200) {
    response.discard();
    throw new Error(`GET ${path}: the API server answered ${response.status}`);
  }
  for await (const line of linesOf(response)) {
    const event: unknown = JSON.parse(line);
    const type = isObject(event) ? event["type"] : undefined;
    // Mostly: the version is too old. The caller reads the object anew.
    if (!isObject(event) || type === "ERROR") throw new Error("the API server ended the watch");
    if (type === "ADDED" || type === "MODIFIED") yield metadataOf(event["object"]);
  }
}
