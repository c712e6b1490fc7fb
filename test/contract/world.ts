import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { Address } from "../../src/net/address.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";

/** A host of the world: its network namespace and its addresses, IPv4 and IPv6. */
export interface Host {
  readonly netns: string;
  readonly v4: Address;
  readonly v6: Address;
}

const hostNumbers = { web: 10, client: 11, other: 12, stranger: 13 } as const;
type LocalPod = keyof typeof hostNumbers;

const local = (number: number): Pick<Host, "v4" | "v6"> => ({
  v4: `10.244.1.${number}` as Address,
  v6: `fd00:10:244:1::${number.toString(16)}` as Address,
});

/**
 * One node that routes, four pods of it, a pod of another node and a host outside, each in a network namespace of its
 * own. The node holds the first address of its range, and translates the Service address 10.96.0.10 to the web pod.
 * `stranger` is a pod that no cluster tells of.
 */
export interface World extends Readonly<Record<LocalPod | "remote" | "outside", Host>> {
  /** The node: its namespace, and the gateway of its range. */
  readonly node: Host;
  readonly service: Address;
  /** Runs a program in the node's namespace. */
  readonly onNode: (program: string, ...args: readonly string[]) => string;
  readonly destroy: () => void;
}

const service = "10.96.0.10" as Address;

/** Needs root. */
export function createWorld(): World {
  const prefix = `pct-${randomBytes(3).toString("hex")}`;
  const nodeName = `${prefix}-node`;
  const hosts = new Map<string, Host>();
  const host = (name: string, addresses: Pick<Host, "v4" | "v6">): void => {
    hosts.set(name, { netns: `${prefix}-${name}`, ...addresses });
  };
  for (const [name, number] of Object.entries(hostNumbers)) host(name, local(number));
  host("remote", { v4: "10.244.2.10" as Address, v6: "fd00:10:244:2::a" as Address });
  host("outside", { v4: "203.0.113.9" as Address, v6: "2001:db8::9" as Address });
  const names = [nodeName, ...[...hosts.values()].map(({ netns }) => netns)];
  ip(
    [],
    names.map((name) => `netns add ${name}`),
  );
  try {
    buildNode(nodeName, hosts);
  } catch (error) {
    ip(
      [],
      names.map((name) => `netns del ${name}`),
    );
    throw error;
  }
  return {
    ...(Object.fromEntries(hosts) as Record<LocalPod | "remote" | "outside", Host>),
    node: { netns: nodeName, ...local(1) },
    service,
    onNode: (program, ...args) => inNamespace(nodeName, () => execFileSync(program, args, { encoding: "utf8" })),
    destroy: () =>
      ip(
        [],
        names.map((name) => `netns del ${name}`),
      ),
  };
}

/** Runs `ip` commands, one process for all. */
function ip(args: readonly string[], lines: readonly string[]): void {
  execFileSync("ip", [...args, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

function buildNode(nodeName: string, hosts: ReadonlyMap<string, Host>): void {
  const links = [...hosts.values()].map(({ netns }, index) => ({ netns, device: `to${index}` }));
  for (const netns of [nodeName, ...[...hosts.values()].map((host) => host.netns)]) setup(netns);
  ip(
    [],
    links.map(({ netns, device }) => `link add ${device} netns ${nodeName} type veth peer name eth0 netns ${netns}`),
  );
  const lines = [...hosts.values()].flatMap(({ v4, v6 }, index) => [
    `link set to${index} up`,
    `addr add fe80::1/64 dev to${index} nodad`,
    `route add ${v4}/32 dev to${index}`,
    `route add ${v6}/128 dev to${index}`,
  ]);
  const gateway = local(1);
  const own = [`${gateway.v4}/32`, `${gateway.v6}/128`, "169.254.1.1/32"].map(
    (address) => `addr add ${address} dev lo`,
  );
  ip(["-n", nodeName], ["link set lo up", ...own, ...lines]);
  for (const { netns, v4, v6 } of hosts.values()) {
    ip(
      ["-n", netns],
      [
        "link set lo up",
        "link set eth0 up",
        `addr add ${v4}/32 dev eth0`,
        `addr add ${v6}/128 dev eth0 nodad`,
        "route add 169.254.1.1 dev eth0",
        "route add default via 169.254.1.1 dev eth0",
        "route add default via fe80::1 dev eth0",
      ],
    );
  }
  const rules = `table ip world {
    chain prerouting { type nat hook prerouting priority dstnat; ip daddr ${service} dnat to ${local(10).v4}; }
    chain postrouting { type nat hook postrouting priority srcnat;
      ct status dnat ip saddr ${local(10).v4} ip daddr ${local(10).v4} snat to ${local(1).v4}; }
  }`;
  inNamespace(nodeName, () => execFileSync("nft", ["-f", "-"], { input: rules }));
}

/** Forwards, and waits for nothing. */
function setup(netns: string): void {
  inNamespace(netns, () => {
    const set = (name: string, value: string): void => writeFileSync(`/proc/sys/net/${name}`, value);
    set("ipv4/ip_forward", "1");
    set("ipv6/conf/all/forwarding", netns.endsWith("-node") ? "1" : "0");
    for (const scope of ["all", "default"]) set(`ipv4/conf/${scope}/rp_filter`, "0");
    set("ipv4/icmp_ratelimit", "0");
    for (const scope of ["all", "default"]) set(`ipv6/conf/${scope}/accept_dad`, "0");
  });
}

/** The objects of the world's cluster, as the API holds them; labels `app: NAME`. The web pod declares a port "http". */
export function worldObjects(
  world: Readonly<Record<"web" | "client" | "other" | "remote", Host>>,
  more: readonly ApiObject[] = [],
): readonly ApiObject[] {
  const named = (name: "web" | "client" | "other" | "remote", nodeName: string): ApiObject =>
    pod(`alpha/${name}`, [world[name].v4, world[name].v6], {
      labels: { app: name },
      spec: { nodeName },
      ports: [{ name: "http", containerPort: 8080 }],
    });
  return [
    node("node-1", ["192.168.50.1"], ["10.244.1.0/24", "fd00:10:244:1::/64"]),
    node("node-2", ["192.168.50.2"], ["10.244.2.0/24", "fd00:10:244:2::/64"]),
    ...(["web", "client", "other"] as const).map((name) => named(name, "node-1")),
    named("remote", "node-2"),
    ...more,
  ];
}
