/**
 * The real kube-proxy in the node of a world, against a real API server: what writes the rule sets of rules/kube-proxy-*
 * and what the live suite (test/apiserver/kube-proxy.test.ts) runs.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { outputOf } from "../../src/system/program.ts";
import { programPath } from "../apiserver/binaries/build.ts";
import type { NewObject } from "../apiserver/api.ts";
import type { ControlPlane } from "../apiserver/control-plane.ts";
import { adminToken } from "../apiserver/credentials.ts";
import { type RunningProcess, startProcess, until } from "../apiserver/process.ts";
import type { World } from "../contract/world.ts";
import { nodeAddress, services } from "./services.ts";

export const proxyModes = ["iptables", "nftables"] as const;
export type ProxyMode = (typeof proxyModes)[number];

/** A link between where the API server is and the node: kube-proxy has to reach it from there. */
const [serverSide, nodeSide] = ["192.0.2.1", "192.0.2.2"];

/** Tells the API server of the node and the Services. */
export async function createServices(plane: ControlPlane, world: World): Promise<void> {
  const addresses = [{ type: "InternalIP", address: nodeAddress }];
  const spec = { podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"], podCIDR: "10.244.1.0/24" };
  const objects = [
    { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" }, spec, status: { addresses } },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "alpha" } },
    ...services(world),
  ];
  for (const object of objects) await plane.api.create(object as NewObject);
}

function kubeconfig(plane: ControlPlane): string {
  const file = join(plane.folder, "kube-proxy.kubeconfig");
  const cluster = {
    server: plane.urlAt(serverSide),
    "certificate-authority": plane.credentials.authority,
    "tls-server-name": "127.0.0.1",
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster", cluster }],
    users: [{ name: "user", user: { token: adminToken } }],
    contexts: [{ name: "context", context: { cluster: "cluster", user: "user" } }],
    "current-context": "context",
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** Starts kube-proxy in the node's namespace; returns when its rules are there. */
export async function startKubeProxy(plane: ControlPlane, world: World, mode: ProxyMode): Promise<RunningProcess> {
  const netns = world.node.netns;
  // `ip netns` in this process's namespace: the peer goes to the node.
  outputOf("ip", ["link", "add", "to-node", "type", "veth", "peer", "name", "to-server", "netns", netns]);
  outputOf("ip", ["addr", "add", `${serverSide}/30`, "dev", "to-node"]);
  outputOf("ip", ["link", "set", "to-node", "up"]);
  outputOf("ip", ["-n", netns, "addr", "add", `${nodeSide}/30`, "dev", "to-server"]);
  outputOf("ip", ["-n", netns, "link", "set", "to-server", "up"]);
  const flags = [
    `--kubeconfig=${kubeconfig(plane)}`,
    "--hostname-override=node-1",
    `--proxy-mode=${mode}`,
    "--cluster-cidr=10.244.0.0/16,fd00:10:244::/48",
    "--healthz-bind-address=127.0.0.1:10256",
    "--metrics-bind-address=127.0.0.1:10249",
    // Else it writes everything anew each half minute, and nobody can say whose change that was.
    "--iptables-sync-period=1h",
    // Sysctls of conntrack that only the first network namespace has.
    "--conntrack-max-per-core=0",
    "--conntrack-min=0",
    "--conntrack-tcp-timeout-established=0s",
    "--conntrack-tcp-timeout-close-wait=0s",
  ];
  const log = join(plane.folder, `kube-proxy-${mode}.log`);
  const inNode = [`--net=/run/netns/${netns}`, "--", programPath("kube-proxy"), ...flags];
  const proxy = startProcess("nsenter", inNode, log, { name: `kube-proxy (${mode})` });
  const list: readonly [string, ...string[]] = mode === "nftables" ? ["nft", "list", "ruleset"] : ["iptables-save"];
  const isThere = (): true | null => (world.onNode(list[0], ...list.slice(1)).includes("alpha/none") ? true : null);
  await until("kube-proxy's rules", isThere, 30_000, [proxy]);
  return proxy;
}

/** Takes the link away that `startKubeProxy` made. */
export function unlink(): void {
  outputOf("ip", ["link", "del", "to-node"]);
}
