/** A small cluster on the scripted server: what may be in it, and what a source should make of it. */
import { namespace, networkPolicy, node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { readCluster } from "../cluster-of.ts";
import type { ClusterObject } from "../../src/kube/objects.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { Clause, Policy } from "../../src/policy/policy.ts";
import { ScriptedApi } from "./api.ts";
import type { CollectionKind } from "./collection.ts";

export const paths = {
  namespaces: "/api/v1/namespaces",
  nodes: "/api/v1/nodes",
  pods: "/api/v1/pods",
  policies: "/apis/networking.k8s.io/v1/networkpolicies",
  definitions: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  tiers: "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies",
  unread: "/apis/k8s.cni.cncf.io/v1beta1/multi-networkpolicies",
} as const;

export type CoreResource = "namespaces" | "nodes" | "pods" | "policies";
export const coreResources: readonly CoreResource[] = ["namespaces", "nodes", "pods", "policies"];
/** With a kind of policy that may be installed, and names nodes. */
export type FollowedResource = CoreResource | "tiers";
export const followedResources: readonly FollowedResource[] = [...coreResources, "tiers"];

const kinds: Readonly<Record<keyof typeof paths, CollectionKind>> = {
  namespaces: { path: paths.namespaces, apiVersion: "v1", kind: "Namespace" },
  nodes: { path: paths.nodes, apiVersion: "v1", kind: "Node" },
  pods: { path: paths.pods, apiVersion: "v1", kind: "Pod" },
  policies: { path: paths.policies, apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
  definitions: { path: paths.definitions, apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  tiers: { path: paths.tiers, apiVersion: "policy.networking.k8s.io/v1alpha1", kind: "AdminNetworkPolicy" },
  unread: { path: paths.unread, apiVersion: "k8s.cni.cncf.io/v1beta1", kind: "MultiNetworkPolicy" },
};

export function newServer(): ScriptedApi {
  const api = new ScriptedApi();
  for (const name of [...coreResources, "definitions"] as const) api.add(kinds[name]);
  return api;
}

const definitionName = "multi-networkpolicies.k8s.cni.cncf.io";

/** A kind of policy that is not read comes, with a policy of it; or goes. */
export function setUnreadKind(api: ScriptedApi, there: boolean): void {
  if (there === api.collections.has(paths.unread)) return;
  if (there) {
    const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
    api.put(paths.definitions, { ...definition, metadata: { name: definitionName, uid: "crd" } });
    api.add(kinds.unread);
    const policy = { apiVersion: "k8s.cni.cncf.io/v1beta1", kind: "MultiNetworkPolicy" };
    api.put(paths.unread, { ...policy, metadata: { name: "unread", uid: "anp" } });
  } else {
    api.remove(paths.definitions, null, definitionName);
    api.drop(paths.unread);
  }
}

/** The kind with tiers is installed. */
export function installTiers(api: ScriptedApi): void {
  const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  const name = "adminnetworkpolicies.policy.networking.k8s.io";
  api.put(paths.definitions, { ...definition, metadata: { name, uid: "crd-of-tiers" } });
  api.add(kinds.tiers);
}

let uids = 0;

/** One of a few objects of a resource, in one of a few states. `fresh`: another object under the same name. */
export function makeObject(resource: FollowedResource, index: number, state: number, uid: string): ApiObject {
  const name = `x${index}`;
  const home = index % 2 === 0 ? "a" : "b";
  const labels = { state: String(state % 3) };
  const metadata = { uid, generation: state, creationTimestamp: "2026-11-21T10:00:00Z" };
  switch (resource) {
    case "namespaces":
      return namespace(home, labels);
    case "nodes":
      return node(name, [`192.168.0.${index + 1}`], [`10.0.${state % 3}.0/24`]);
    case "pods":
      return pod(`${home}/${name}`, `10.0.0.${(index + state) % 8}`, {
        labels,
        spec: { nodeName: "x1" },
        status: { phase: state % 5 === 0 ? "Succeeded" : "Running" },
        ...metadata,
      });
    case "tiers": {
      const peer = state % 3 === 0 ? { nodes: {} } : { namespaces: { matchLabels: labels } };
      const egress = [{ action: "Deny", to: [peer] }];
      const spec = { priority: 1, subject: { namespaces: {} }, egress };
      const apiVersion = "policy.networking.k8s.io/v1alpha1";
      return { apiVersion, kind: "AdminNetworkPolicy", metadata: { name, ...metadata }, spec };
    }
    case "policies": {
      const ingress = state % 2 === 0 ? [] : [{ from: [{ podSelector: { matchLabels: labels } }] }];
      return networkPolicy(`${home}/${name}`, { podSelector: {}, ingress }, metadata);
    }
  }
}

export function put(api: ScriptedApi, resource: FollowedResource, index: number, state: number, fresh: boolean): void {
  const sample = makeObject(resource, index, state, "");
  const { namespace: home, name } = sample.metadata as { namespace?: string; name: string };
  const known = api.collections.get(paths[resource])?.find(home ?? null, name);
  if (fresh) api.remove(paths[resource], home ?? null, name);
  uids += 1;
  const uid = known === undefined || fresh ? `uid-${uids}` : known.uid;
  api.put(paths[resource], makeObject(resource, index, state, uid));
}

export function remove(api: ScriptedApi, resource: FollowedResource, index: number): void {
  const { namespace: home, name } = makeObject(resource, index, 0, "").metadata as { namespace?: string; name: string };
  api.remove(paths[resource], home ?? null, name);
}

/** By key, what a source that has seen everything should have in force; `nodeName`: as the agent of this node. */
export function wanted(api: ScriptedApi, nodeName: string | null): ReadonlyMap<string, ClusterObject | Policy> {
  const held = followedResources.flatMap((name) => api.collections.get(paths[name])?.objects() ?? []);
  const { cluster, errors } = readCluster(held.map((object) => JSON.parse(object.json()) as ApiObject));
  if (errors.length > 0) throw new Error(errors.join("; "));
  const allNodes = nodeName === null || cluster.policies.some(({ egress }) => egress?.some(namesNodes));
  const objects = cluster.objects.filter(({ kind, name }) => kind !== "Node" || allNodes || name === nodeName);
  return new Map<string, ClusterObject | Policy>([
    ...objects.map((object) => [keyOf(object), object] as const),
    ...cluster.policies.map((policy) => [policy.id, policy] as const),
  ]);
}

const namesNodes = ({ peers }: Clause): boolean => peers?.some(({ kind }) => kind === "nodes") ?? false;
