import type { Address } from "../../src/net/address.ts";
import type { World } from "../contract/world.ts";

/** The node's address in the cluster's network, which it holds beside the gateway of its pods. */
export const nodeAddress = "192.168.50.1" as Address;
export const nodePort = 30_080;
/** The port that the pods of a Service listen on. */
export const targetPort = 8080;

/** Addresses of the Service `web`, whose one backend is the pod of that name. */
export const webService = { v4: "10.96.0.20" as Address, v6: "fd00:10:96::20" as Address };

interface Wanted {
  readonly name: string;
  readonly last: string;
  readonly backends: readonly ("web" | "remote")[];
  readonly spec?: object;
}

/** One with a node port, one with two backends and affinity, one without backends. */
const wanted: readonly Wanted[] = [
  { name: "web", last: "20", backends: ["web"], spec: { type: "NodePort" } },
  { name: "spread", last: "21", backends: ["web", "remote"], spec: { sessionAffinity: "ClientIP" } },
  { name: "none", last: "22", backends: [] },
];

/** Services and their EndpointSlices, which no controller makes here. */
export function services(world: World): readonly object[] {
  return wanted.flatMap(({ name, last, backends, spec = {} }) => {
    const port = { name: "http", port: 80, targetPort, protocol: "TCP" };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: "alpha", name },
      spec: {
        clusterIP: `10.96.0.${last}`,
        clusterIPs: [`10.96.0.${last}`, `fd00:10:96::${last}`],
        ipFamilyPolicy: "RequireDualStack",
        ipFamilies: ["IPv4", "IPv6"],
        ports: ["type" in spec ? { ...port, nodePort } : port],
        ...spec,
      },
    };
    const slices = (["v4", "v6"] as const).map((family) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        namespace: "alpha",
        name: `${name}-${family}`,
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: family === "v4" ? "IPv4" : "IPv6",
      endpoints: backends.map((backend) => ({
        addresses: [world[backend][family]],
        conditions: { ready: true },
        nodeName: backend === "web" ? "node-1" : "node-2",
      })),
      ports: [{ name: "http", port: targetPort, protocol: "TCP" }],
    }));
    return [service, ...slices];
  });
}
