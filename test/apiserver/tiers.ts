/** The kinds of policies with tiers, as an API server holds them that may have them or not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { policyKinds } from "../../src/policy/kinds.ts";
import type { PolicyKind } from "../../src/policy/policy.ts";
import type { ApiAccess, NewObject, StoredObject } from "./api.ts";
import { until } from "./process.ts";

/** Those that are there if somebody has installed them. */
export const tierPolicyKinds: readonly PolicyKind[] = policyKinds.filter(({ scope }) => scope === "cluster");

export const apiVersionOf = ({ apiVersions }: PolicyKind): string => apiVersions[0] ?? "";
const versionOf = (kind: PolicyKind): string => apiVersionOf(kind).split("/")[1] ?? "";

/** `adminnetworkpolicies.policy.networking.k8s.io`. */
export const resourceNameOf = (kind: PolicyKind): string => `${kind.resource}.${apiVersionOf(kind).split("/")[0]}`;

export type Channel = "standard" | "experimental";

/** The CRD of a kind, as its project publishes it. */
export function definitionOf(kind: PolicyKind, channel: Channel): NewObject {
  const file = join(import.meta.dirname, "crds", `${kind.resource}.${versionOf(kind)}.${channel}.yaml`);
  return parse(readFileSync(file, "utf8")) as NewObject;
}

/** The kinds that the server has now. */
export async function servedTiers(api: ApiAccess): Promise<readonly PolicyKind[]> {
  const versions = [...new Set(tierPolicyKinds.map(apiVersionOf))];
  const served = new Set<string>();
  for (const version of versions) {
    const { status, text } = await api.send("GET", `/apis/${version}`);
    if (status !== 200) continue;
    const { resources } = JSON.parse(text) as { readonly resources: readonly { readonly name: string }[] };
    for (const { name } of resources) served.add(`${version}/${name}`);
  }
  return tierPolicyKinds.filter((kind) => served.has(`${apiVersionOf(kind)}/${kind.resource}`));
}

/** Installs all of them, and waits until they are served. */
export async function installTiers(api: ApiAccess, channel: Channel): Promise<void> {
  for (const kind of tierPolicyKinds) await api.apply(definitionOf(kind, channel));
  const areServed = async (): Promise<true | null> =>
    (await servedTiers(api)).length === tierPolicyKinds.length ? true : null;
  await until("the kinds are served", areServed, 60_000);
}

const selectsNothing = { namespaces: { matchLabels: { "portcullis-barrier": "nobody" } } };
const onlyName = "default";

/**
 * Changes an object of each of these kinds that nothing depends on. Of the kind that has only one object it is that
 * one: its labels alone, if it is there.
 */
export async function markTiers(
  api: ApiAccess,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<readonly StoredObject[]> {
  const set: StoredObject[] = [];
  for (const kind of await servedTiers(api)) {
    const apiVersion = apiVersionOf(kind);
    const isSingle = kind.kind === "BaselineAdminNetworkPolicy";
    const id = { apiVersion, kind: kind.kind, metadata: { name: isSingle ? onlyName : name } };
    const there = isSingle ? await api.find(apiVersion, kind.kind, onlyName) : null;
    const order = isSingle ? {} : { priority: 1000 };
    const tier = kind.kind === "ClusterNetworkPolicy" ? { tier: "Baseline" } : {};
    const spec = { ...tier, ...order, subject: selectsNothing };
    set.push(
      there === null
        ? await api.apply({ ...id, metadata: { ...id.metadata, labels }, spec })
        : await api.patch(id, { metadata: { labels } }),
    );
  }
  return set;
}

/** Whether some of these policies names nodes. */
export function nameNodes(objects: readonly StoredObject[]): boolean {
  return objects.some(({ kind, spec }) => {
    if (!tierPolicyKinds.some((one) => one.kind === kind)) return false;
    const { egress = [] } = spec as { readonly egress?: readonly { readonly to?: readonly object[] }[] };
    return egress.some(({ to = [] }) => to.some((peer) => "nodes" in peer));
  });
}
