import type { RawObject } from "../resolve/raw.ts";

/** Who and what appears in the demo. */
export const service = { name: "nginx", address: "10.96.0.80", port: 80 } as const;

/** The pod whose way through the kernel is followed, and the two who ask for its page. */
export const followed = { namespace: "alpha", name: "nginx-1", node: "node-1", address: "10.64.1.4" } as const;
export const access = { namespace: "alpha", name: "access", node: "node-2", address: "10.64.2.5" } as const;
export const stranger = { namespace: "beta", name: "client", node: "node-1", address: "10.64.1.6" } as const;
const second = { namespace: "alpha", name: "nginx-2", node: "node-2", address: "10.64.2.4" } as const;

type Actor = typeof followed | typeof access | typeof stranger | typeof second;

/** The pods that serve a page. */
export const servers = [followed, second] as const;
export const everyone: readonly Actor[] = [followed, second, access, stranger];

function pod({ namespace, name, node: nodeName, address }: Actor, run: string): RawObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels: { run } },
    spec: { nodeName, containers: [{ name: "main", ports: [{ containerPort: service.port }] }] },
    status: { phase: "Running", podIPs: [{ ip: address }], conditions: [{ type: "Ready", status: "True" }] },
  };
}

function node(name: string, number: number): RawObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: { podCIDRs: [`10.64.${number}.0/24`] },
    status: { addresses: [{ type: "InternalIP", address: `192.168.50.${number}` }] },
  };
}

/** The cluster before any policy. */
export const cluster: readonly RawObject[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "alpha" } },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "beta" } },
  node("node-1", 1),
  node("node-2", 2),
  pod(followed, "nginx"),
  pod(second, "nginx"),
  pod(access, "access"),
  pod(stranger, "access"),
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "alpha", name: service.name },
    spec: {
      clusterIP: service.address,
      clusterIPs: [service.address],
      selector: { run: "nginx" },
      ports: [{ port: service.port }],
    },
  },
];

const policyApi = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" } as const;

/** An empty policy for all of alpha: who is picked accepts nothing. */
export const denyAll: RawObject = {
  ...policyApi,
  metadata: { namespace: "alpha", name: "alpha-deny" },
  spec: { podSelector: {}, policyTypes: ["Ingress"] },
};

/** Lets pods labelled `run: access` of the same namespace in. */
export const allowAccess: RawObject = {
  ...policyApi,
  metadata: { namespace: "alpha", name: "access-nginx" },
  spec: {
    podSelector: { matchLabels: { run: "nginx" } },
    ingress: [{ from: [{ podSelector: { matchLabels: { run: "access" } } }] }],
  },
};
