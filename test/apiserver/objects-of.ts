import type { Cluster } from "../../src/policy/cluster.ts";
import { type ApiObject, readCluster } from "../cluster-of.ts";
import type { ApiAccess, StoredObject } from "./api.ts";
import { apiVersionOf, servedTiers } from "./tiers.ts";

/** Kinds that verdicts depend on, beside those that come and go. */
const kinds = [
  ["v1", "Namespace"],
  ["v1", "Node"],
  ["v1", "Pod"],
  ["v1", "Service"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
] as const;

/** What the API server holds, now. */
export interface HeldObjects {
  readonly raw: readonly StoredObject[];
  readonly cluster: Cluster;
}

/** Reads everything that verdicts depend on, by plain lists: the truth that agents are measured against. */
export async function heldObjects(api: ApiAccess): Promise<HeldObjects> {
  const tiers = (await servedTiers(api)).map((kind) => [apiVersionOf(kind), kind.kind] as const);
  const lists = await Promise.all([...kinds, ...tiers].map(([apiVersion, kind]) => api.list(apiVersion, kind)));
  const raw = lists.flat();
  return { raw, cluster: clusterOfRaw(raw) };
}

/** The cluster of objects as they stand; what is wrong with some of them is the agents' to report. */
export function clusterOfRaw(raw: readonly object[]): Cluster {
  return readCluster(raw as readonly ApiObject[]).cluster;
}
