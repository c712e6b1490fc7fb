/**
 * What a packet costs: connects, packets of an open flow, and a stream, through a node with connection tracking only,
 * with Portcullis at 10, 1,000 and 10,000 pods and as many policies, and with an iptables layout of one chain per pod
 * and policy. One interleaved run; prints ratios to connection tracking only. `--admin N` adds worlds with as many
 * admin policies above, of which all or none select the measured pods.
 *   node bench/packet.ts [--rounds 9] [--seconds 0.2] [--pods 10,1000,10000] [--iptables 10,1000]
 *                        [--admin 1000] [--admin-pods 10]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createCompiler } from "../src/compile/incremental.ts";
import { nftablesDataplane } from "../src/dataplane/nftables/nftables.ts";
import { decodePod } from "../src/kube/decode/pod.ts";
import { decodeNode } from "../src/kube/decode/node.ts";
import type { ClusterObject } from "../src/kube/objects.ts";
import type { Policy } from "../src/policy/policy.ts";
import { networkPolicyKind } from "../src/policy/network-policy/network-policy.ts";
import { adminPolicies, type AdminWorld, teamNamespaces, teamOf } from "./packet/admin-policies.ts";
import { loadIptablesLayout, otherAddresses } from "./packet/iptables-layout.ts";
import { buildPath, clientAddress, serverAddress, serverPort, type Path } from "./packet/path.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "0.2" },
    pods: { type: "string", default: "10,1000,10000" },
    iptables: { type: "string", default: "10,1000" },
    admin: { type: "string", default: "1000" },
    "admin-pods": { type: "string", default: "10" },
  },
});
const numbers = (text: string): number[] => text.split(",").filter(Boolean).map(Number);

const pod = (name: string, address: string, namespace: string) => ({
  metadata: { namespace, name, labels: { app: name } },
  spec: { nodeName: "node", containers: [{ name: "c", ports: [{ containerPort: serverPort }] }] },
  status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
});

const policy = (name: string, namespace: string) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace, name: `for-${name}` },
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

interface Admin {
  readonly policies: number;
  readonly world: AdminWorld;
}

async function loadPortcullis(netns: string, name: string, pods: number, admin: Admin | null): Promise<void> {
  const namespaceOf = (index: number): string => (admin === null ? "bench" : teamOf(index));
  const named: readonly (readonly [string, string, string])[] = [
    ["client", clientAddress, "bench"],
    ["server", serverAddress, "bench"],
    ...otherAddresses(pods).map((address, index) => [`other-${index}`, address, namespaceOf(index)] as const),
  ];
  const node = must(decodeNode({ metadata: { name: "node" }, spec: { podCIDRs: ["10.244.0.0/16"] } }).value);
  const objects: ClusterObject[] = [
    node,
    ...(admin === null ? [] : teamNamespaces()),
    ...named.map((one) => must(decodePod(pod(...one)).value)),
  ];
  const policies: Policy[] = [
    ...named.map(([app, , namespace]) => must(networkPolicyKind.decode(policy(app, namespace)).policy)),
    ...(admin === null ? [] : adminPolicies(admin.policies, admin.world)),
  ];
  const started = performance.now();
  const compiler = createCompiler({
    nodeName: "node",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  const ruleset = compiler.load({ objects, policies });
  const compiled = performance.now() - started;
  const dataplane = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
  const { milliseconds } = await dataplane.sync(ruleset);
  const took = `compiled in ${compiled.toFixed(0)} ms, loaded in ${milliseconds.toFixed(0)} ms`;
  console.log(`  ${name}: ${pods} pods, ${policies.length} policies ${took}`);
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

interface Ratio {
  readonly own: number;
  readonly ratio: number;
}

/** Base, path, path, base: what drifts slowly on the machine falls out of the ratio. */
function compare(base: Path, path: Path, mode: "connect" | "packets" | "stream", seconds: number): Map<string, Ratio> {
  const [before, first, second, after] = [base, path, path, base].map((each) => each.measure(mode, seconds));
  return new Map(
    metrics
      .filter((metric) => metric.mode === mode)
      .map(({ name, pick }) => {
        const own = ((first?.[pick] ?? 0) + (second?.[pick] ?? 0)) / 2;
        const reference = ((before?.[pick] ?? 0) + (after?.[pick] ?? 0)) / 2;
        return [name, { own, ratio: name.endsWith("ns") ? reference / own : own / reference }];
      }),
  );
}

function measureAll(base: Path, paths: readonly Path[], rounds: number, seconds: number): Map<string, Ratio[]> {
  const samples = new Map<string, Ratio[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const path of paths) {
      for (const mode of ["connect", "packets", "stream"] as const) {
        for (const [name, ratio] of compare(base, path, mode, seconds)) {
          const key = `${path.name} ${name}`;
          samples.set(key, [...(samples.get(key) ?? []), ratio]);
        }
      }
    }
  }
  return samples;
}

function print(paths: readonly Path[], samples: Map<string, Ratio[]>): void {
  console.log(`| path | ${metrics.map(({ name }) => `${name} | ratio`).join(" | ")} |`);
  console.log(`|-|${metrics.map(() => "-|-").join("|")}|`);
  for (const path of paths) {
    const cells = metrics.map(({ name }) => {
      const all = samples.get(`${path.name} ${name}`) ?? [];
      return `${median(all.map(({ own }) => own)).toFixed(0)} | ${median(all.map(({ ratio }) => ratio)).toFixed(3)}`;
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
    const base = await buildPath(load, "conntrack", loadConntrackOnly);
    paths.push(base, await buildPath(load, "conntrack-again", loadConntrackOnly));
    for (const pods of numbers(values.pods)) {
      const name = `portcullis-${pods}`;
      paths.push(await buildPath(load, name, (node) => loadPortcullis(node, name, pods, null)));
    }
    for (const pods of numbers(values["admin-pods"])) {
      for (const policies of numbers(values.admin)) {
        for (const world of ["selecting", "not-selecting"] as const) {
          const name = `admin-${policies}-${world}-${pods}`;
          paths.push(await buildPath(load, name, (node) => loadPortcullis(node, name, pods, { policies, world })));
        }
      }
    }
    for (const pods of numbers(values.iptables)) {
      paths.push(await buildPath(load, `iptables-${pods}`, (node) => loadIptablesLayout(node, pods)));
    }
    const measured = paths.filter((path) => path !== base);
    print(measured, measureAll(base, measured, Number(values.rounds), Number(values.seconds)));
    console.log("ratio: part of what connection tracking only reaches (1 is equal, more is better)");
  } finally {
    for (const path of paths) path.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
