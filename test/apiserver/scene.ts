/** Objects that the suites speak of. */
import { networkPolicy, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { type NodeName, podAddresses } from "../random-cluster.ts";

/** A pod `namespace/name` that serves 80 and 8080; `number` chooses its addresses out of its node's ranges. */
export function web(
  name: string,
  node: NodeName,
  number: number,
  labels: Readonly<Record<string, string>> = {},
): ApiObject {
  const ports = [
    { name: "http", containerPort: 80 },
    { name: "alt", containerPort: 8080 },
  ];
  // Without a time to end in, for which whoever deletes its namespace would wait.
  const spec = { nodeName: node, terminationGracePeriodSeconds: 0 };
  return pod(name, podAddresses(node, number), { labels, ports, spec });
}

/** A policy that lets nothing in, in one namespace. */
export function denyIngress(name: string): ApiObject {
  return networkPolicy(name, { podSelector: {}, policyTypes: ["Ingress"] });
}

/** A policy that lets pods with these labels, of its own namespace, reach a port of pods with the other labels. */
export function allowFrom(name: string, from: object, to: object, port: number | string): ApiObject {
  return networkPolicy(name, {
    podSelector: { matchLabels: to },
    policyTypes: ["Ingress"],
    ingress: [{ from: [{ podSelector: { matchLabels: from } }], ports: [{ protocol: "TCP", port }] }],
  });
}

/** How an object is named to the API. */
export function idOf(kind: "Pod" | "Namespace" | "NetworkPolicy" | "Node", name: string) {
  const apiVersion = kind === "NetworkPolicy" ? "networking.k8s.io/v1" : "v1";
  const [namespace, short] = name.includes("/") ? name.split("/") : [undefined, name];
  return { apiVersion, kind, metadata: { name: short ?? "", ...(namespace === undefined ? {} : { namespace }) } };
}
