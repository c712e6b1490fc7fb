/**
 * From a change given to the agent to the kernel, with the whole agent between: source → compile → nftables by netlink,
 * in a network namespace of the bench's own. By default 100,000 pods, 10,000 policies, 110 pods on the node.
 *   node --expose-gc bench/changes.ts [pods policies [admin]]
 * `admin`: how many policies of the ordered tiers beside them, by default none.
 * Prints for each kind of change p50, p99 and the most in ms; the start; the memory; a burst of 110 pods.
 */
import { execFileSync } from "node:child_process";
import { cpus, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { runAgent } from "../src/agent/run.ts";
import { createCompiler } from "../src/compile/incremental.ts";
import type { Dataplane } from "../src/dataplane/dataplane.ts";
import { openDataplane } from "../src/dataplane/registry.ts";
import type { RulesetChange } from "../src/ir/change.ts";
import type { Ruleset } from "../src/ir/ruleset.ts";
import { keyOf, type ObjectKey, type Pod } from "../src/kube/objects.ts";
import { createLog } from "../src/observe/log.ts";
import type { Change, Cluster } from "../src/policy/cluster.ts";
import type { PolicyId } from "../src/policy/policy.ts";
import type { Source, Update } from "../src/source/source.ts";
import { systemClock } from "../src/system/clock.ts";
import { adminPolicyOf } from "./admin-policies.ts";
import { type ClusterSize, clusterOfSize, largest, nodeNameOf, podOf, policyOf } from "./cluster.ts";

const [pods = largest.pods, policies = largest.policies, adminPolicies = 0] = process.argv.slice(2).map(Number);
const size: ClusterSize = {
  pods,
  policies,
  nodes: Math.max(2, Math.ceil(pods / 110)),
  namespaces: Math.max(1, Math.ceil(pods / 100)),
  adminPolicies,
};
const here = 1;
const netns = `pcb-${process.pid}-changes`;

/** A source that says what it is told to, at once. */
function pushedSource(cluster: () => Cluster) {
  const queue: Update[] = [];
  let wake = (): void => {};
  let count = 0;
  const source: Source = {
    snapshot: () => Promise.resolve({ cluster: cluster(), findings: [], complete: true, digest: "0" }),
    async *changes(signal) {
      signal.addEventListener("abort", () => wake());
      while (!signal.aborted) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  const push = (changes: readonly Change[]): void => {
    count += 1;
    queue.push({ changes, findings: [], complete: true, digest: String(count) });
    wake();
  };
  return { source, push };
}

/** The real dataplane, telling when an operation has ended. */
function watched(real: Dataplane) {
  let ended = (): void => {};
  const telling =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const result = await run(...args);
      ended();
      return result;
    };
  const dataplane: Dataplane = {
    ...real,
    sync: telling((ruleset: Ruleset) => real.sync(ruleset)),
    apply: telling((change: RulesetChange) => real.apply(change)),
  };
  return { dataplane, next: () => new Promise<void>((resolve) => (ended = resolve)) };
}

const upsert = (object: Pod): Change => ({ kind: "object", object });
const gone = (object: Pod): Change => ({ kind: "gone", key: keyOf(object) });
const policyChange = (index: number, port: number): Change => ({ kind: "policy", policy: policyOf(size, index, port) });
const policyGone = (id: PolicyId): Change => ({ kind: "gone", key: id as string as ObjectKey });

/** Pods that replace others of the same applications, under the next free addresses of a node. */
const spare = (count: number, node: number): Pod[] =>
  Array.from({ length: count }, (_, place) =>
    podOf(size, node + (place % 100) * size.nodes, node, 115 + (place % 100)),
  );

/** The pods of a node; neighbours in number hold other replicas of the same applications. */
const podsOf = (node: number): Pod[] =>
  Array.from({ length: Math.min(110, Math.floor((size.pods - node) / size.nodes)) }, (_, place) =>
    podOf(size, node + place * size.nodes, node, place),
  );

const megabytes = (): string => {
  (globalThis as { gc?: (options: object) => void }).gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  const { rss, heapUsed } = process.memoryUsage();
  return `${(rss / 1e6).toFixed(0)} MB resident, ${(heapUsed / 1e6).toFixed(0)} MB heap`;
};

async function main(): Promise<void> {
  execFileSync("ip", ["netns", "add", netns]);
  const stop = new AbortController();
  const { source, push } = pushedSource(() => clusterOfSize(size));
  const { dataplane, next } = watched(openDataplane("nftables", { netns, ctMarkMask: 0xffff0000, clock: systemClock }));
  const compiler = createCompiler({
    nodeName: nodeNameOf(here),
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  const timedCompiler = {
    ...compiler,
    load: (cluster: Cluster) => ((started = performance.now()), compiler.load(cluster)),
  };
  let started = 0;
  const log = createLog({
    format: "text",
    level: "error",
    write: (line) => void process.stderr.write(line),
    now: Date.now,
  });
  const loaded = next();
  const running = runAgent(
    {
      openSource: () => source,
      createCompiler: () => timedCompiler,
      dataplane,
      clock: systemClock,
      random: Math.random,
      log,
      bind: { kind: "unix", path: `/run/pcb-${process.pid}.sock` },
      syncPeriod: 3_600_000,
      audit: false,
      build: { version: "bench", dataplane: "nftables", node: nodeNameOf(here) },
    },
    stop.signal,
  );
  console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} cores`);
  console.log(`${pods} pods, ${policies} policies, ${adminPolicies} admin policies, ${size.nodes} nodes`);
  try {
    await loaded;
    console.log(`start, parsed objects to all in the kernel: ${(performance.now() - started).toFixed(0)} ms`);
    await sleep(200);
    console.log(`memory after start: ${megabytes()}`);
    await measureAll(compiler, push, next);
    console.log(`memory after all: ${megabytes()}`);
  } finally {
    stop.abort();
    await running;
    execFileSync("ip", ["netns", "del", netns]);
  }
}

type Compiling = ReturnType<typeof createCompiler>;

async function measureAll(compiler: Compiling, push: (changes: readonly Change[]) => void, next: () => Promise<void>) {
  const measure = async (what: string, changes: readonly Change[]): Promise<void> => {
    const times: number[] = [];
    for (const change of changes) {
      const done = next();
      const before = performance.now();
      push([change]);
      await done;
      times.push(performance.now() - before);
      await new Promise(setImmediate);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): string =>
      (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3).padStart(8);
    console.log(`${what.padEnd(46)} p50 ${at(0.5)}  p99 ${at(0.99)}  most ${at(1)} ms  (${times.length})`);
  };
  const goAndCome = podsOf(here + 1).flatMap((pod) => [gone(pod), upsert(pod)]);
  const elsewhere = Array.from({ length: 10 }, () => goAndCome).flat();
  const local = spare(300, here).flatMap((pod) => [upsert(pod), gone(pod)]);
  await measure("warm-up", [...elsewhere.slice(0, 500), ...local.slice(0, 200)]);
  await measure("a pod elsewhere comes, goes", elsewhere);
  await measure("a pod of this node comes, goes", local);
  await measure(
    "a policy changes (any)",
    Array.from({ length: 1000 }, (_, index) => policyChange(index % policies, 8088 + (index % 7))),
  );
  const mine = new Set([...compiler.ruleset().chains.values()].flatMap((chain) => chain.isolatedBy));
  const selecting = Array.from({ length: policies }, (_, index) => index).filter((index) =>
    mine.has(policyOf(size, index).id),
  );
  const ofNode = Array.from({ length: 10 }, () => selecting).flat();
  await measure(
    "a policy that selects pods here changes",
    [8101, 8102].flatMap((port) => ofNode.map((index) => policyChange(index, port))),
  );
  await measure(
    "a policy that selects pods here goes, comes",
    ofNode.flatMap((index) => [policyGone(policyOf(size, index).id), policyChange(index, 8102)]),
  );
  // Every tenth and the four after it select all pods, so all chains of the node.
  const everybody = Array.from({ length: adminPolicies }, (_, index) => index).filter((index) => index % 10 < 5);
  const changed = everybody.slice(0, 20).map((index): Change => ({ kind: "policy", policy: adminPolicyOf(index, 26) }));
  if (changed.length > 0) await measure("an admin policy of all pods changes", changed);
  const burst = spare(100, here);
  const done = next();
  const before = performance.now();
  for (const pod of burst) push([upsert(pod)]);
  await done;
  while (burst.some((pod) => !compiler.ruleset().endpoints.has(pod.addresses[0]!))) await next();
  console.log(
    `a burst of ${burst.length} pods on this node: all in the kernel after ${(performance.now() - before).toFixed(1)} ms`,
  );
}

await main();
