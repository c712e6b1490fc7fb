/**
 * A node with pods and their DNS out of network namespaces: a client whose policy names domains, a plain pod, the
 * cluster's resolvers behind a Service that the node translates, and an outside host that has every address.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { inNamespace } from "../../src/system/namespace.ts";

export const addresses = {
  client: ["10.77.1.11", "fd77:1::11"],
  plain: ["10.77.1.13", "fd77:1::13"],
  /** The scripted resolver, which lies. */
  dns: ["10.77.1.53", "fd77:1::53"],
  /** dnsmasq. */
  honest: ["10.77.1.55", "fd77:1::55"],
} as const;
export type PodName = keyof typeof addresses;
/** Where the scripted resolver answers from, too, and nobody asks it. */
export const strangeResolver = "10.77.1.54";
/** Where the node's own resolver listens, as node-local DNS does. */
export const nodeResolver = ["169.254.20.10", "fd77:2::a"] as const;
export const service = ["10.96.0.10", "fd96::a"] as const;
export const podRanges = ["10.77.1.0/24", "fd77:1::/64"];
const gateways = ["10.77.1.1", "fd77:1::1"] as const;
/** All of these are the outside host's. */
export const outside = { v4: "198.51.100.0/24", v6: "2001:db8:5::/64" };

export interface Site {
  readonly node: string;
  readonly web: string;
  readonly pods: Readonly<Record<PodName, string>>;
  remove(): void;
}

/** Runs a program; throws with what it says if it fails. */
export function run(program: string, args: readonly string[], input = ""): string {
  const result = spawnSync(program, [...args], { encoding: "utf8", input });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.stderr.trim()}`);
  return result.stdout;
}

const ip = (...args: readonly string[]): string => run("ip", args);

function attach(node: string, pod: string, own: readonly [string, string], link: string): void {
  ip("link", "add", link, "netns", node, "type", "veth", "peer", "name", "eth0", "netns", pod);
  ip("-n", node, "link", "set", link, "up");
  ip("-n", pod, "link", "set", "lo", "up");
  ip("-n", pod, "link", "set", "eth0", "up");
  for (const [index, address] of own.entries()) {
    const gateway = gateways[index] ?? "";
    const length = index === 0 ? "32" : "128";
    ip("-n", node, "address", "add", `${gateway}/${length}`, "dev", link, "nodad");
    ip("-n", node, "route", "add", `${address}/${length}`, "dev", link);
    ip("-n", pod, "address", "add", `${address}/${length}`, "dev", "eth0", "nodad");
    ip("-n", pod, "route", "add", gateway, "dev", "eth0");
    ip("-n", pod, "route", "add", "default", "via", gateway);
  }
}

function attachOutside(node: string, web: string): void {
  ip("link", "add", "out", "netns", node, "type", "veth", "peer", "name", "eth0", "netns", web);
  for (const [netns, link, end] of [
    [node, "out", 1],
    [web, "eth0", 2],
  ] as const) {
    ip("-n", netns, "address", "add", `192.0.2.${end}/30`, "dev", link);
    ip("-n", netns, "address", "add", `2001:db8:9::${end}/64`, "dev", link, "nodad");
    ip("-n", netns, "link", "set", "lo", "up");
    ip("-n", netns, "link", "set", link, "up");
  }
  ip("-n", web, "route", "add", "default", "via", "192.0.2.1");
  ip("-n", web, "route", "add", "default", "via", "2001:db8:9::1");
  ip("-n", node, "route", "add", outside.v4, "via", "192.0.2.2");
  ip("-n", node, "route", "add", outside.v6, "via", "2001:db8:9::2");
  for (const range of [outside.v4, outside.v6]) ip("-n", web, "route", "add", "local", range, "dev", "lo");
}

/** What kube-proxy does for the resolvers' Service. */
function translate(node: string): void {
  const [service4, service6] = service;
  run(
    "ip",
    ["netns", "exec", node, "nft", "-f", "-"],
    `table inet services { chain to { type nat hook prerouting priority -100;
      ip daddr ${service4} dnat ip to ${addresses.dns[0]}; ip6 daddr ${service6} dnat ip6 to ${addresses.dns[1]}; }; }\n`,
  );
}

export function buildSite(): Site {
  const prefix = `pct-${randomBytes(4).toString("hex")}`;
  const [node, web] = [`${prefix}-node`, `${prefix}-web`];
  const names = Object.keys(addresses) as PodName[];
  const pods = Object.fromEntries(names.map((name) => [name, `${prefix}-${name}`])) as Record<PodName, string>;
  const all = [node, web, ...Object.values(pods)];
  const resolverOf = `/etc/netns/${pods.client}`;
  const remove = () => {
    for (const name of all) spawnSync("ip", ["netns", "del", name]);
    rmSync(resolverOf, { recursive: true, force: true });
  };
  try {
    for (const name of all) ip("netns", "add", name);
    ip("-n", node, "link", "set", "lo", "up");
    inNamespace(node, () => {
      writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
      writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    });
    for (const [index, name] of names.entries()) attach(node, pods[name], addresses[name], `pod${index}`);
    ip("-n", pods.dns, "address", "add", `${strangeResolver}/32`, "dev", "eth0");
    ip("-n", node, "route", "add", `${strangeResolver}/32`, "via", addresses.dns[0], "dev", "pod2", "onlink");
    for (const address of nodeResolver) ip("-n", node, "address", "add", address, "dev", "lo");
    attachOutside(node, web);
    translate(node);
    // `ip netns exec` shows it as /etc/resolv.conf: what the C library of the client asks.
    mkdirSync(resolverOf, { recursive: true });
    writeFileSync(`${resolverOf}/resolv.conf`, `nameserver ${service[0]}\noptions ndots:1 timeout:5 attempts:2\n`);
  } catch (error) {
    remove();
    throw error;
  }
  return { node, web, pods, remove };
}
