/**
 * A node and three pods out of network namespaces, for the fault suites: a server, a client that may reach two of its
 * ports, and a stranger that may reach none. Built with `ip`, so that no code under test is part of it.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { inNamespace } from "../../src/system/namespace.ts";

export const podAddresses = { client: "10.77.1.11", server: "10.77.1.12", stranger: "10.77.1.13" } as const;
export type PodName = keyof typeof podAddresses;
export const podNames: readonly PodName[] = ["client", "server", "stranger"];
export const podRange = "10.77.1.0/24";
const gateway = "10.77.1.1";

export interface Site {
  /** Name of the node's network namespace. */
  readonly node: string;
  readonly pods: Readonly<Record<PodName, string>>;
  remove(): void;
}

/** Runs a program; throws with what it says if it fails. */
export function run(program: string, args: readonly string[]): string {
  const result = spawnSync(program, [...args], { encoding: "utf8" });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.stderr.trim()}`);
  return result.stdout;
}

/** Runs `nft` in the namespace; throws with what it says if it fails. */
export const nft = (netns: string, ...args: readonly string[]): string =>
  run("ip", ["netns", "exec", netns, "nft", ...args]);

/** Why no site can be built here; null: it can. */
export function missingForSites(): string | null {
  const probe = `pct-${randomBytes(4).toString("hex")}`;
  try {
    run("ip", ["netns", "add", probe]);
    run("ip", ["netns", "del", probe]);
    return null;
  } catch (error) {
    return `network namespaces cannot be made here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Links a pod to its node, under this address. */
export function attach(node: string, pod: string, address: string, link: string): void {
  run("ip", ["link", "add", link, "netns", node, "type", "veth", "peer", "name", "eth0", "netns", pod]);
  run("ip", ["-n", node, "address", "add", `${gateway}/32`, "dev", link]);
  run("ip", ["-n", node, "link", "set", link, "up"]);
  run("ip", ["-n", node, "route", "add", `${address}/32`, "dev", link]);
  run("ip", ["-n", pod, "address", "add", `${address}/32`, "dev", "eth0"]);
  run("ip", ["-n", pod, "link", "set", "lo", "up"]);
  run("ip", ["-n", pod, "link", "set", "eth0", "up"]);
  run("ip", ["-n", pod, "route", "add", gateway, "dev", "eth0"]);
  run("ip", ["-n", pod, "route", "add", "default", "via", gateway]);
}

export function buildSite(): Site {
  const prefix = `pct-${randomBytes(4).toString("hex")}`;
  const node = `${prefix}-node`;
  const pods = { client: `${prefix}-client`, server: `${prefix}-server`, stranger: `${prefix}-stranger` };
  const all = [node, ...Object.values(pods)];
  const remove = () => {
    for (const name of all) spawnSync("ip", ["netns", "del", name]);
  };
  try {
    for (const name of all) run("ip", ["netns", "add", name]);
    run("ip", ["-n", node, "link", "set", "lo", "up"]);
    inNamespace(node, () => writeFileSync("/proc/sys/net/ipv4/ip_forward", "1"));
    for (const [index, name] of podNames.entries()) attach(node, pods[name], podAddresses[name], `pod${index}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { node, pods, remove };
}
