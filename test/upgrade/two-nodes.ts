/**
 * Two nodes with a link between them: the server runs on node-1, client and stranger on node-2. What the server admits
 * is decided on node-1, what the stranger may send on node-2: each node alone can let something through.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { inNamespace } from "../../src/system/namespace.ts";
import { type PodName, attach, podAddresses, podNames, run } from "../faults/site.ts";
import { ports } from "../faults/traffic.ts";
import { networkPolicy, node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";

export interface TwoNodes {
  /** Names of the network namespaces. */
  readonly nodes: readonly [string, string];
  readonly pods: Readonly<Record<PodName, string>>;
  remove(): void;
}

const nodeOf: Readonly<Record<PodName, 0 | 1>> = { server: 0, client: 1, stranger: 1 };
const between = ["192.168.77.1", "192.168.77.2"] as const;

export function buildTwoNodes(): TwoNodes {
  const prefix = `pct-${randomBytes(4).toString("hex")}`;
  const nodes = [`${prefix}-node1`, `${prefix}-node2`] as const;
  const pods = { client: `${prefix}-client`, server: `${prefix}-server`, stranger: `${prefix}-stranger` };
  const all = [...nodes, ...Object.values(pods)];
  const remove = () => {
    for (const name of all) spawnSync("ip", ["netns", "del", name]);
  };
  try {
    for (const name of all) run("ip", ["netns", "add", name]);
    run("ip", [
      "link",
      "add",
      "between",
      "netns",
      nodes[0],
      "type",
      "veth",
      "peer",
      "name",
      "between",
      "netns",
      nodes[1],
    ]);
    for (const [index, name] of nodes.entries()) {
      run("ip", ["-n", name, "link", "set", "lo", "up"]);
      run("ip", ["-n", name, "address", "add", `${between[index]}/30`, "dev", "between"]);
      run("ip", ["-n", name, "link", "set", "between", "up"]);
      inNamespace(name, () => writeFileSync("/proc/sys/net/ipv4/ip_forward", "1"));
    }
    for (const [index, name] of podNames.entries()) {
      const home = nodeOf[name];
      attach(nodes[home], pods[name], podAddresses[name], `pod${index}`);
      run("ip", ["-n", nodes[1 - home] ?? "", "route", "add", `${podAddresses[name]}/32`, "via", between[home]]);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { nodes, pods, remove };
}

const podOf = (name: PodName): ApiObject =>
  pod(`shop/${name}`, podAddresses[name], {
    labels: { app: name },
    spec: { nodeName: `node-${nodeOf[name] + 1}`, containers: [{ name: "c" }] },
  });

const selecting = (app: string) => ({ podSelector: { matchLabels: { app } } });
const allowed = [
  { protocol: "TCP", port: ports.tcp },
  { protocol: "UDP", port: ports.udp },
];
const single = (name: PodName): string => `${podAddresses[name]}/32`;

/** The client may reach two ports, as node-1 decides; the stranger may send nothing, as node-2 decides. */
export const twoNodeObjects: readonly ApiObject[] = [
  node("node-1", [between[0]], [single("server")]),
  node("node-2", [between[1]], [single("client"), single("stranger")]),
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  ...podNames.map(podOf),
  networkPolicy("shop/server", {
    ...selecting("server"),
    policyTypes: ["Ingress"],
    ingress: [{ from: [selecting("client")], ports: allowed }, { from: [selecting("stranger")] }],
  }),
  networkPolicy("shop/stranger", { ...selecting("stranger"), policyTypes: ["Egress"], egress: [] }),
];
