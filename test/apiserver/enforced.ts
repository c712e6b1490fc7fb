/**
 * When may a test send its packets? Not after a time: when the agents say that the kernel has what the API server had.
 * An agent tells which resource versions are in force; versions of deleted objects are not in any list, so an object
 * that nothing depends on is changed after them in each resource, and its version waited for.
 */
import type { Agent } from "./agents.ts";
import type { ApiAccess, NewObject, StoredObject } from "./api.ts";
import { type RunningProcess, until } from "./process.ts";
import { markTiers, nameNodes, resourceNameOf, tierPolicyKinds } from "./tiers.ts";

/** By resource, as agents name it: the version that has to be in force. */
export type WantedVersions = ReadonlyMap<string, bigint>;

/** The name of what is changed to see that a change has arrived; nothing depends on it. */
export const barrier = "portcullis-barrier";
const patience = 60_000;

const resourceNames: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  Node: "nodes",
  Pod: "pods",
  NetworkPolicy: "networkpolicies.networking.k8s.io",
  ...Object.fromEntries(tierPolicyKinds.map((kind) => [kind.kind, resourceNameOf(kind)])),
};

/** What nothing depends on: a pod of no node, a policy in a namespace without pods that run. */
function markers(stamp: string): readonly NewObject[] {
  const labels = { [barrier]: stamp };
  const metadata = { namespace: barrier, name: barrier, labels };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: barrier, labels } },
    { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "none", image: "none" }] } },
    { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: { podSelector: {} } },
  ];
}

let stamps = 0;

/** Changes an object of each resource: what comes after the answer is newer than everything before. */
export async function setBarrier(api: ApiAccess): Promise<readonly StoredObject[]> {
  stamps += 1;
  const set: StoredObject[] = [];
  for (const marker of markers(String(stamps))) set.push(await api.apply(marker));
  return [...set, ...(await markTiers(api, barrier, { [barrier]: String(stamps) }))];
}

/** The newest version of each resource among these objects, as a node's agent sees them: only its own Node, unless a policy names nodes. */
export function versionsOf(objects: readonly StoredObject[], node: string): WantedVersions {
  const wanted = new Map<string, bigint>();
  const allNodes = nameNodes(objects);
  for (const { kind, metadata } of objects) {
    const resource = resourceNames[kind];
    if (resource === undefined || (kind === "Node" && metadata.name !== node && !allNodes)) continue;
    const version = BigInt(metadata.resourceVersion);
    if (version > (wanted.get(resource) ?? 0n)) wanted.set(resource, version);
  }
  return wanted;
}

/** The part of `/v1/status` that is needed here. */
interface Status {
  readonly enforced: { readonly resourceVersions: Readonly<Record<string, string>> } | null;
}

/** Waits until the agent's kernel has these versions or newer ones. `needs`: without which it cannot come to pass. */
export async function untilEnforced(
  agent: Agent,
  wanted: WantedVersions,
  needs: readonly RunningProcess[] = [],
): Promise<void> {
  let last: unknown = null;
  const isEnforced = async (): Promise<true | null> => {
    const status = (await agent.status()) as Status | null;
    last = status;
    const versions = status?.enforced?.resourceVersions ?? {};
    const isThere = ([resource, version]: readonly [string, bigint]) => BigInt(versions[resource] ?? "0") >= version;
    return [...wanted].every(isThere) ? true : null;
  };
  try {
    await until(`${agent.node} enforces what the API server holds`, isEnforced, patience, [agent.process, ...needs]);
  } catch (cause) {
    const missing = [...wanted].map(([resource, version]) => `${resource} ${version}`).join(", ");
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${said}\nwanted: ${missing}\nit says: ${JSON.stringify(last)}`, { cause });
  }
}
