/**
 * What the compiler costs: `node --expose-gc bench/compile.ts [pods policies admin]`, by default 100,000, 10,000 and none;
 * `admin`: how many policies of the ordered tiers.
 * Prints one line a figure: what, p50, p99 in ms; then the memory.
 */
import type { CompileOptions } from "../src/compile/options.ts";
import type { Compiler } from "../src/compile/incremental.ts";
import { createCompiler } from "../src/compile/incremental.ts";
import { keyOf } from "../src/kube/objects.ts";
import type { Pod } from "../src/kube/objects.ts";
import type { Change, Cluster } from "../src/policy/cluster.ts";
import { adminPolicyOf } from "./admin-policies.ts";
import type { ClusterSize } from "./cluster.ts";
import { clusterOfSize, largest, nodeNameOf, podOf, policyOf } from "./cluster.ts";

function sizeFrom(args: readonly string[]): ClusterSize {
  const [pods = largest.pods, policies = largest.policies, adminPolicies = 0] = args.map(Number);
  const nodes = Math.max(2, Math.ceil(pods / 110));
  return { pods, policies, nodes, namespaces: Math.max(1, Math.ceil(pods / 100)), adminPolicies };
}

const size = sizeFrom(process.argv.slice(2));
const options: CompileOptions = {
  nodeName: nodeNameOf(7),
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: null,
};

const collect = (globalThis as { gc?: () => void }).gc;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function printMemory(when: string): void {
  collect?.();
  const { heapUsed, rss } = process.memoryUsage();
  console.log(`${when.padEnd(52)} heap ${megabytes(heapUsed)}  resident ${megabytes(rss)}`);
}

/** Applies each change alone and prints how long that took. */
function measure(what: string, compiler: Compiler, changes: readonly Change[]): void {
  const times: number[] = [];
  let sets = 0;
  for (const change of changes) {
    const started = performance.now();
    const { groups, pairSets } = compiler.apply([change]);
    times.push(performance.now() - started);
    sets += groups.length + pairSets.length;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(4).padStart(9);
  console.log(`${what.padEnd(52)} p50 ${at(0.5)}  p99 ${at(0.99)} ms  (${(sets / changes.length).toFixed(1)} sets)`);
}

const upsert = (object: Pod): Change => ({ kind: "object", object });
const gone = (object: Pod): Change => ({ kind: "gone", key: keyOf(object) });

/** Each pod goes, then comes back. */
const goAndCome = (pods: readonly Pod[]): Change[] => pods.flatMap((pod) => [gone(pod), upsert(pod)]);

function podsAnew(count: number, node: number): Pod[] {
  return Array.from({ length: count }, (_, index) =>
    podOf(size, size.pods + 2000 * node + index, node, 120 + (index % 100)),
  );
}

function measureAll(compiler: Compiler): void {
  const remote = podsAnew(1000, 20).flatMap((pod) => [upsert(pod), gone(pod)]);
  const local = podsAnew(1000, 7).flatMap((pod) => [upsert(pod), gone(pod)]);
  // Indexes of pods that are on the node or not; their applications have other replicas elsewhere.
  const known = (node: number): Pod[] =>
    Array.from({ length: Math.min(110, Math.floor((size.pods - node) / size.nodes)) }, (_, place) =>
      podOf(size, node + place * size.nodes, node, place),
    );
  measure("warm-up", compiler, [...remote, ...local]);
  measure("pod elsewhere goes, comes (of a known application)", compiler, goAndCome(known(8)));
  measure("pod elsewhere comes, goes (of a new application)", compiler, remote);
  measure("pod of this node goes, comes (known application)", compiler, goAndCome(known(7)));
  measure("pod of this node comes, goes (new application)", compiler, local);
  const localPods = known(7);
  const relabelled = localPods.map((pod, index) =>
    upsert({ ...pod, labels: localPods[(index + 1) % localPods.length]!.labels }),
  );
  measure("pod of this node takes other labels", compiler, [...relabelled, ...localPods.map(upsert)]);
  const policies = (port: number): Change[] =>
    Array.from({ length: Math.min(2000, size.policies) }, (_, index) => ({
      kind: "policy",
      policy: policyOf(size, index, port),
    }));
  measure("policy changes (any)", compiler, policies(8088));
  // Those that select pods of this node are the ones that cost.
  const mine = new Set([...compiler.ruleset().chains.values()].flatMap((chain) => chain.isolatedBy));
  const ofNode = (port: number): Change[] =>
    Array.from({ length: size.policies }, (_, index) => policyOf(size, index, port))
      .filter((policy) => mine.has(policy.id))
      .map((policy) => ({ kind: "policy", policy }));
  measure("policy changes (selects pods of this node)", compiler, [...ofNode(8089), ...ofNode(8090), ...ofNode(8091)]);
  const goneAndBack = ofNode(8091).flatMap((change): Change[] =>
    change.kind === "policy" ? [{ kind: "gone", key: change.policy.id as never }, change] : [],
  );
  measure("policy goes, comes (selects pods of this node)", compiler, goneAndBack);
}

/** What is changed here selects every pod, so all classes of the node. */
function measureAdmin(compiler: Compiler, count: number): void {
  const everybody = Array.from({ length: count }, (_, index) => index).filter((index) => index % 10 < 5);
  const versions = (more: (index: number) => object): Change[] =>
    everybody.slice(0, 100).map((index) => ({ kind: "policy", policy: adminPolicyOf(index, 25, more(index)) }));
  const back = versions(() => ({}));
  const ports = everybody.slice(0, 100).map((index): Change => ({ kind: "policy", policy: adminPolicyOf(index, 26) }));
  measure("admin policy of all pods: rule changes", compiler, [...ports, ...back]);
  const priorities = versions((index) => ({ priority: (index + 500) % 1001 }));
  measure("admin policy of all pods: priority changes", compiler, [...priorities, ...back]);
  const subjects = versions(() => ({ subject: { namespaces: { matchLabels: { stage: "prod" } } } }));
  measure("admin policy of all pods: subject changes", compiler, [...subjects, ...back]);
  const goneAndBack = back.flatMap((change): Change[] =>
    change.kind === "policy" ? [{ kind: "gone", key: change.policy.id as never }, change] : [],
  );
  measure("admin policy of all pods goes, comes", compiler, goneAndBack);
}

function load(): Compiler {
  printMemory("before");
  let cluster: Cluster | null = clusterOfSize(size);
  printMemory("the objects");
  const compiler = createCompiler(options);
  const started = performance.now();
  const { endpoints, chains, groups, pairSets } = compiler.load(cluster);
  console.log(`${"load".padEnd(52)} ${(performance.now() - started).toFixed(0)} ms`);
  const members = [...groups.values(), ...pairSets.values()].reduce((sum, set) => sum + set.members.size, 0);
  console.log(
    `  ${endpoints.size} endpoints, ${chains.size} chains, ${groups.size} groups and ${pairSets.size} pair sets with ${members} members`,
  );
  printMemory("objects and compiler");
  cluster = null;
  return compiler;
}

console.log(
  `${size.pods} pods, ${size.policies} policies, ${size.adminPolicies ?? 0} admin policies, ${size.nodes} nodes, ${size.namespaces} namespaces`,
);
const compiler = load();
printMemory("compiler alone");
measureAll(compiler);
if (size.adminPolicies !== undefined && size.adminPolicies > 0) measureAdmin(compiler, size.adminPolicies);
printMemory("after all");
