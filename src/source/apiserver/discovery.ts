import type { ApiObject } from "../../kube/decode/fields.ts";
import { field, isApiObject } from "../../kube/decode/fields.ts";
import type { ApiClient } from "./client.ts";
import { ApiUnreachable } from "./client.ts";
import { readRefusal } from "./refusal.ts";
import type { OptionalKind } from "./resources.ts";
import type { Resource } from "./resource.ts";

/** Names of resources by apiVersion, the preferred version first. */
type Served = ReadonlyMap<string, ReadonlySet<string>>;

const longestAnswer = 4 << 20;

/** The object at a path; null: there is none. Throws `ApiUnreachable` where the server does not say. */
async function get(client: ApiClient, path: string, kind: string, stop: AbortSignal): Promise<ApiObject | null> {
  const response = await client.request({ method: "GET", path }, stop);
  if (response.status !== 200) {
    const refusal = await readRefusal(response);
    if (refusal.kind === "absent") return null;
    throw new ApiUnreachable(`discovery at ${path}: ${refusal.message}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > longestAnswer) throw new ApiUnreachable(`discovery at ${path}: the answer has no end`);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (isApiObject(value) && field(value, "kind") === kind) return value;
  } catch {
    // As below: whatever it is, it is no answer.
  }
  throw new ApiUnreachable(`discovery at ${path}: the answer is no ${kind}`);
}

function objectsIn(object: ApiObject, name: string): readonly ApiObject[] {
  const list = field(object, name);
  return Array.isArray(list) ? list.filter(isApiObject) : [];
}

function texts(objects: readonly ApiObject[], name: string): readonly string[] {
  return objects.map((one) => field(one, name)).filter((one) => typeof one === "string");
}

/**
 * A proxy whose server is away answers 404 too. A group is absent where the server that has the group of NetworkPolicies,
 * as each has, does not name it.
 */
async function mustBeAbsent(client: ApiClient, group: string, stop: AbortSignal): Promise<void> {
  const all = await get(client, "/apis", "APIGroupList", stop);
  const names = all === null ? [] : texts(objectsIn(all, "groups"), "name");
  if (names.includes("networking.k8s.io") && !names.includes(group)) return;
  throw new ApiUnreachable(`discovery at /apis/${group}: 404, but /apis does not say that there is no such group`);
}

async function readGroup(client: ApiClient, group: string, stop: AbortSignal): Promise<Served> {
  const served = new Map<string, ReadonlySet<string>>();
  const answer = await get(client, `/apis/${group}`, "APIGroup", stop);
  if (answer === null) {
    await mustBeAbsent(client, group, stop);
    return served;
  }
  const preferred = field(answer, "preferredVersion");
  const first = isApiObject(preferred) ? texts([preferred], "groupVersion") : [];
  for (const version of new Set([...first, ...texts(objectsIn(answer, "versions"), "groupVersion")])) {
    // A name with anything else in it would be another path.
    if (!/^[a-z0-9.-]+\/[a-z0-9]+$/.test(version)) continue;
    const resources = await get(client, `/apis/${version}`, "APIResourceList", stop);
    if (resources !== null) served.set(version, new Set(texts(objectsIn(resources, "resources"), "name")));
  }
  return served;
}

/** Which of the kinds the server has now. Rejects with `ApiUnreachable` where it does not say so of every one. */
export async function discover(
  client: ApiClient,
  kinds: readonly OptionalKind[],
  stop: AbortSignal,
): Promise<readonly Resource[]> {
  const found: Resource[] = [];
  for (const group of new Set(kinds.map((kind) => kind.group))) {
    const served = await readGroup(client, group, stop);
    for (const kind of kinds.filter((one) => one.group === group)) {
      const versions = [...served].filter(([, names]) => names.has(kind.resource)).map(([version]) => version);
      const resource = kind.choose(versions);
      if (resource !== null) found.push(resource);
    }
  }
  return found;
}
