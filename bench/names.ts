/**
 * What names cost in the kernel: an answer's addresses learned, beside 110 pods with a policy each, and packets of
 * others where a pod of the node learns. Prints milliseconds, and ratios to the same node on which nobody learns. Root.
 *   node bench/names.ts [--rounds 9] [--seconds 0.2]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileWhole } from "../src/compile/whole.ts";
import type { NameSets } from "../src/dataplane/dataplane.ts";
import { nftablesDataplane } from "../src/dataplane/nftables/nftables.ts";
import type { DomainSetName, Ruleset } from "../src/ir/ruleset.ts";
import type { Address } from "../src/net/address.ts";
import { type ApiObject, clusterOf } from "../test/cluster-of.ts";
import { networkPolicy, node, pod } from "../test/ask.ts";
import { buildPath, clientAddress, type Path, serverAddress } from "./packet/path.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, seconds: { type: "string", default: "0.2" } },
});
const pods = 110;
const learner = `10.244.0.${pods + 10}`;

/** A policy for the pod of this label; it names `example.org`, and lets everything else through to the next tier. */
const naming = (app: string): ApiObject => ({
  apiVersion: "policy.networking.k8s.io/v1alpha2",
  kind: "ClusterNetworkPolicy",
  metadata: { name: `names-${app}` },
  spec: {
    tier: "Admin",
    priority: 1,
    subject: { pods: { podSelector: { matchLabels: { app } } } },
    egress: [{ action: "Accept", to: [{ domainNames: ["example.org"] }] }],
  },
});

function rulesetOf(policies: readonly ApiObject[]): Ruleset {
  const others = Array.from({ length: pods }, (_, index): [string, string] => [`p${index}`, `10.244.0.${index + 10}`]);
  const named: [string, string][] = [
    ["client", clientAddress],
    ["server", serverAddress],
    ["learner", learner],
  ];
  const all = [...named, ...others.filter(([, address]) => address !== learner)];
  const objects = [
    node("node", ["192.168.50.1"], ["10.244.0.0/16"]),
    ...all.map(([app, address]) => pod(`bench/${app}`, address, { labels: { app }, spec: { nodeName: "node" } })),
    ...all.map(([app]) =>
      networkPolicy(`bench/${app}`, { podSelector: { matchLabels: { app } }, ingress: [{}], egress: [{}] }),
    ),
  ];
  return compileWhole(clusterOf([...objects, ...policies]), {
    nodeName: "node",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
    names: { queue: 9053, service: null, resolvers: ["10.96.0.10" as Address] },
  });
}

async function enforce(netns: string, policies: readonly ApiObject[]): Promise<NameSets> {
  const dataplane = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
  await dataplane.sync(rulesetOf(policies));
  const { names } = dataplane;
  if (names === undefined) throw new Error("this dataplane learns no names");
  return names;
}

const nth = (list: readonly number[], part: number): string =>
  ([...list].sort((a, b) => a - b)[Math.floor(list.length * part)] ?? Number.NaN).toFixed(3);

async function timed(what: string, times: number, run: (index: number) => Promise<void>): Promise<void> {
  const took: number[] = [];
  for (let index = 0; index < times; index++) {
    const started = performance.now();
    await run(index);
    took.push(performance.now() - started);
  }
  console.log(`| ${what} | ${nth(took, 0.5)} | ${nth(took, 0.99)} |`);
}

async function learning(names: NameSets, set: DomainSetName): Promise<void> {
  const entry = (index: number, seconds = 60) => ({
    set,
    address: `198.51.${(index >> 8) & 255}.${index & 255}` as Address,
    seconds,
    graceSeconds: seconds + 300,
  });
  const eight = (index: number) => Array.from({ length: 8 }, (_, at) => entry(8 * (index % 200) + at));
  console.log("| ms | p50 | p99 |\n|-|-|-|");
  await timed("learn one address", 3000, (index) => names.learn([entry(index)]));
  await timed("learn it anew", 3000, (index) => names.learn([entry(index)]));
  await timed("learn eight anew", 1000, (index) => names.learn(eight(index)));
  await timed("decide anew", 200, () => names.decideAnew());
  await timed("read 3,000 back", 20, async () => void (await names.held()));
}

type Mode = "connect" | "packets" | "stream";
const median = (list: readonly number[]): number => Number(nth(list, 0.5));

/** Base, path, path, base: what drifts slowly on the machine falls out of the ratio. */
function ratioOf(base: Path, path: Path, mode: Mode): number {
  const [before, first, second, after] = [base, path, path, base].map(
    (each) => each.measure(mode, Number(values.seconds))[0] ?? Number.NaN,
  );
  return ((first ?? 0) + (second ?? 0)) / ((before ?? 0) + (after ?? 0));
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const load = join(folder, "load");
  execFileSync("cc", ["-O2", "-o", load, join(import.meta.dirname, "packet", "load.c")], { stdio: "inherit" });
  console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} cores`);
  const [set] = rulesetOf([naming("client")]).domainSets.keys();
  if (set === undefined) throw new Error("no name in the bench's own policy");
  const paths: Path[] = [];
  const add = async (name: string, policies: readonly ApiObject[]): Promise<NameSets> => {
    const known: NameSets[] = [];
    paths.push(await buildPath(load, name, async (netns) => void known.push(await enforce(netns, policies))));
    const [names] = known;
    if (names === undefined) throw new Error("the path was never prepared");
    return names;
  };
  try {
    await add("nobody", []);
    await add("nobody-again", []);
    await add("another", [naming("learner")]);
    const names = await add("client", [naming("client")]);
    await learning(names, set);
    await names.learn([{ set, address: serverAddress as Address, seconds: 3600, graceSeconds: 3600 }]);
    const [base, ...others] = paths;
    if (base === undefined) throw new Error("no path");
    console.log("\n| who learns | connects | packets | stream |\n|-|-|-|-|");
    const modes = ["connect", "packets", "stream"] as const;
    for (const path of others) {
      const cells = modes.map((mode) =>
        median(Array.from({ length: Number(values.rounds) }, () => ratioOf(base, path, mode))).toFixed(3),
      );
      console.log(`| ${path.name} | ${cells.join(" | ")} |`);
    }
  } finally {
    for (const path of paths) path.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
