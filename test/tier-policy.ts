import type { ApiObject } from "./cluster-of.ts";

const group = "policy.networking.k8s.io";

function tierPolicy(version: string, kind: string, name: string, spec: object, metadata: object): ApiObject {
  return { apiVersion: `${group}/${version}`, kind, metadata: { name, ...metadata }, spec };
}

/** Of v1alpha2; it says its tier itself. */
export function clusterNetworkPolicy(name: string, spec: object, metadata: object = {}): ApiObject {
  return tierPolicy("v1alpha2", "ClusterNetworkPolicy", name, spec, metadata);
}

/** Of v1alpha1. */
export function adminNetworkPolicy(name: string, spec: object, metadata: object = {}): ApiObject {
  return tierPolicy("v1alpha1", "AdminNetworkPolicy", name, spec, metadata);
}

/** Of v1alpha1. There is one. */
export function baselineAdminNetworkPolicy(spec: object, name = "default"): ApiObject {
  return tierPolicy("v1alpha1", "BaselineAdminNetworkPolicy", name, spec, {});
}
