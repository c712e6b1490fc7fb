/**
 * What a packet costs: connects, packets of an open flow, and a stream, through a node with connection tracking only,
 * with Portcullis at 10, 1,000 and 10,000 pods and as many policies, and with an iptables layout of one chain per pod
 * and policy. One interleaved run; prints ratios to connection tracking only.
 *   node bench/packet.ts [--rounds 9] [--seconds 0.4] [--pods 10,1000,10000] [--iptables 10,1000]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileWhole } from "../src/compile/whole.ts";
import { nftablesDataplane } from "../src/dataplane/nftables/nftables.ts";
import { decodePod } from "../src/kube/decode/pod.ts";
import { decodeNode } from "../src/kube/decode/node.ts";
import type { ClusterObject } from "../src/kube/objects.ts";
import type { Policy } from "../src/policy/policy.ts";
import { networkPolicyKind } from "../src/policy/network-policy/network-policy.ts";
import { loadIptablesLayout, otherAddresses } from "./packet/iptables-layout.ts";
import { buildPath, clientAddress, serverAddress, serverPort, type Path } from "./packet/path.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "0.4" },
    pods: { type: "string", default: "10,1000,10000" },
    iptables: { type: "string", default: "10,1000" },
  },
});
const numbers = (text: string): number[] => text.split(",").filter(Boolean).map(Number);

const pod = (name: string, address: string) => ({
  metadata: { namespace: "bench", name, labels: { app: name } },
  spec: { nodeName: "node", containers: [{ name: "c", ports: [{ containerPort: serverPort }] }] },
  status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
});

const policy = (name: string) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace: "bench", name: `for-${name}` },
  spec: {
    podSelector: { matchLabels: { app: name } },
    policyTypes: ["Ingress", "Egress"],
    ingress: [
      {
        from: [{ podSelector: { matchLabels: { app: "client" } } }],
        ports: ["TCP", "UDP"].map((protocol) => ({ protocol, port: serverPort })),
      },
    ],
    egress: [{}],
  },
});

function must<T>(value: T | null): T {
  if (value === null) throw new Error("the bench's own object does not decode");
  return value;
}

async function loadPortcullis(netns: string, pods: number): Promise<void> {
  const others = otherAddresses(pods);
  const named: readonly (readonly [string, string])[] = [
    ["client", clientAddress],
    ["server", serverAddress],
    ...others.map((address, index) => [`other-${index}`, address] as const),
  ];
  const node = must(decodeNode({ metadata: { name: "node" }, spec: { podCIDRs: ["10.244.0.0/16"] } }).value);
  const objects: ClusterObject[] = [node, ...named.map(([name, address]) => must(decodePod(pod(name, address)).value))];
  const policies: Policy[] = named.map(([name]) => must(networkPolicyKind.decode(policy(name)).policy));
  const ruleset = compileWhole(
    { objects, policies },
    { nodeName: "node", podCidrs: null, unknownPods: "drop", established: "cut", defaultVerdict: "accept" },
  );
  const dataplane = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
  const report = await dataplane.sync(ruleset);
  console.log(
    `  portcullis-${pods}: ${pods} pods, ${policies.length} policies loaded in ${report.milliseconds.toFixed(0)} ms`,
  );
  dataplane.close();
}

async function loadConntrackOnly(node: string): Promise<void> {
  const script =
    "table inet bench { chain forward { type filter hook forward priority filter; ct state invalid drop; }; }";
  execFileSync("ip", ["netns", "exec", node, "nft", script], { stdio: ["ignore", "ignore", "inherit"] });
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

const metrics = [
  { name: "connects/s", mode: "connect", pick: 0 },
  { name: "connect p50 ns", mode: "connect", pick: 1 },
  { name: "packets/s", mode: "packets", pick: 0 },
  { name: "stream B/s", mode: "stream", pick: 0 },
] as const;

function measureAll(paths: readonly Path[], rounds: number, seconds: number): Map<string, number[]> {
  const samples = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    const turn = paths.map((_, index) => paths[(index + round) % paths.length]!);
    for (const path of turn) {
      for (const mode of ["connect", "packets", "stream"] as const) {
        const got = path.measure(mode, seconds);
        for (const metric of metrics.filter((each) => each.mode === mode)) {
          const key = `${path.name} ${metric.name}`;
          samples.set(key, [...(samples.get(key) ?? []), got[metric.pick] ?? Number.NaN]);
        }
      }
    }
  }
  return samples;
}

function print(paths: readonly Path[], samples: Map<string, number[]>): void {
  console.log(`| path | ${metrics.map(({ name }) => `${name} | ratio`).join(" | ")} |`);
  console.log(`|-|${metrics.map(() => "-|-").join("|")}|`);
  for (const path of paths) {
    const cells = metrics.map(({ name }) => {
      const own = samples.get(`${path.name} ${name}`) ?? [];
      const base = samples.get(`conntrack ${name}`) ?? [];
      const ratios = own.map((value, index) =>
        name.endsWith("ns") ? (base[index] ?? 0) / value : value / (base[index] ?? 0),
      );
      return `${median(own).toFixed(0)} | ${median(ratios).toFixed(3)}`;
    });
    console.log(`| ${path.name} | ${cells.join(" | ")} |`);
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const load = join(folder, "load");
  execFileSync("cc", ["-O2", "-o", load, join(import.meta.dirname, "packet", "load.c")], { stdio: "inherit" });
  const paths: Path[] = [];
  console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} cores`);
  try {
    paths.push(await buildPath(load, "conntrack", loadConntrackOnly));
    for (const pods of numbers(values.pods)) {
      paths.push(await buildPath(load, `portcullis-${pods}`, (node) => loadPortcullis(node, pods)));
    }
    for (const pods of numbers(values.iptables)) {
      paths.push(await buildPath(load, `iptables-${pods}`, (node) => loadIptablesLayout(node, pods)));
    }
    print(paths, measureAll(paths, Number(values.rounds), Number(values.seconds)));
    console.log("ratio: part of what connection tracking only reaches (1 is equal, more is better)");
  } finally {
    for (const path of paths) path.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
