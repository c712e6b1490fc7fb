import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { inNamespace } from "../../src/system/namespace.ts";

/** One path client → node → server out of three network namespaces, with the load program at both ends. */
export interface Path {
  readonly name: string;
  readonly node: string;
  /** Runs the load at the client; gives the numbers it prints. */
  measure(mode: "connect" | "packets" | "stream", seconds: number): readonly number[];
  close(): void;
}

export const clientAddress = "10.244.0.2";
export const serverAddress = "10.244.0.3";
export const serverPort = 7000;

const ip = (...args: string[]): void => {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
};

/** Builds the path; `prepare` puts rules into the node's namespace before the first packet. */
export async function buildPath(load: string, name: string, prepare: (node: string) => Promise<void>): Promise<Path> {
  const [client, node, server] = ["c", "r", "s"].map((end) => `pcb-${process.pid}-${name}-${end}`) as [
    string,
    string,
    string,
  ];
  for (const namespace of [client, node, server]) ip("netns", "add", namespace);
  const link = (end: string, device: string, address: string): void => {
    ip("link", "add", device, "netns", node, "type", "veth", "peer", "name", "eth0", "netns", end);
    ip("-n", end, "addr", "add", `${address}/32`, "dev", "eth0");
    ip("-n", end, "link", "set", "lo", "up");
    ip("-n", end, "link", "set", "eth0", "up");
    ip("-n", node, "link", "set", device, "up");
    ip("-n", node, "route", "add", address, "dev", device);
    ip("-n", end, "route", "add", "169.254.1.1", "dev", "eth0");
    ip("-n", end, "route", "add", "default", "via", "169.254.1.1");
  };
  ip("-n", node, "link", "set", "lo", "up");
  ip("-n", node, "addr", "add", "169.254.1.1/32", "dev", "lo");
  link(client, "client", clientAddress);
  link(server, "server", serverAddress);
  inNamespace(node, () => writeFileSync("/proc/sys/net/ipv4/ip_forward", "1"));
  await prepare(node);
  const serving = await serve(load, server);
  return {
    name,
    node,
    measure: (mode, seconds) =>
      execFileSync("ip", ["netns", "exec", client, load, mode, serverAddress, String(serverPort), String(seconds)], {
        encoding: "utf8",
      })
        .trim()
        .split(" ")
        .map(Number),
    close: () => {
      serving.kill("SIGKILL");
      for (const namespace of [client, node, server]) ip("netns", "del", namespace);
    },
  };
}

async function serve(load: string, namespace: string): Promise<ChildProcess> {
  // `ip netns exec` becomes the program that it runs, so the process is the server itself.
  const child = spawn("ip", ["netns", "exec", namespace, load, "serve", serverAddress, String(serverPort)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}
