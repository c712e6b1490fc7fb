/**
 * How many queries a second `portcullis eval` answers, after its start, through the program and without it:
 *   node bench/eval.ts [QUERIES] [PODS] [POLICIES] [ADMIN POLICIES]
 * Prints a Markdown table for each of three clusters: NetworkPolicies only; with policies of the Admin tier, most of
 * which select one namespace; and with as many that all select every pod. The clusters come from a fixed seed.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerLine } from "../src/evaluate/answer.ts";
import { createEvaluator } from "../src/evaluate/indexed.ts";
import { evaluate } from "../src/evaluate/reference.ts";
import { readQuery } from "../src/evaluate/query.ts";
import { createResolver } from "../src/evaluate/resolve.ts";
import { readManifests } from "../src/source/manifests/read.ts";
import { networkPolicy, pod } from "../test/ask.ts";
import { binary } from "../test/run-binary.ts";
import { clusterNetworkPolicy } from "../test/tier-policy.ts";

const [queryCount = 100_000, podCount = 1000, policyCount = 500, adminCount = 1000] = process.argv.slice(2).map(Number);
const namespaces = Math.max(1, Math.round(podCount / 50));

/** xorshift32: the same sequence everywhere. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
let random = createRandom(42);
const namespaceOf = (index: number): string => `ns-${index % namespaces}`;
const app = (index: number): Record<string, string> => ({ app: `app-${index % 7}` });

function clusterObjects(): object[] {
  const ports = [{ containerPort: 8080, name: "http" }];
  const pods = Array.from({ length: podCount }, (_, index) =>
    pod(`${namespaceOf(index)}/pod-${index}`, `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`, {
      labels: app(index),
      ports,
    }),
  );
  const policies = Array.from({ length: policyCount }, (_, index) => {
    const block = { ipBlock: { cidr: `10.0.${random(256)}.0/24`, except: [] } };
    const peers = [
      { podSelector: { matchLabels: app(random(7)) } },
      { namespaceSelector: {}, podSelector: { matchLabels: app(random(7)) } },
      block,
    ];
    const rule = (peer: "from" | "to") => ({
      [peer]: peers.slice(random(3)),
      ports: [{ port: 80, endPort: 90 }, { port: "http" }],
    });
    const podSelector = { matchLabels: app(random(7)) };
    return networkPolicy(`${namespaceOf(index)}/policy-${index}`, {
      podSelector,
      ingress: [rule("from")],
      egress: [rule("to")],
    });
  });
  return [...pods, ...policies];
}

/** Of both directions, with peers and ports of every form; about every twentieth selects all pods, or each. */
function adminPolicies(selects: "some" | "all"): object[] {
  const pods = () => ({ pods: { podSelector: { matchLabels: app(random(7)) } } });
  const outside = () => [{ networks: [`203.0.${random(256)}.0/24`] }, { nodes: {} }, { domainNames: [domain()] }];
  return Array.from({ length: adminCount }, (_, index) => {
    const isWide = selects === "all" || random(20) === 0;
    const home = { matchLabels: { "kubernetes.io/metadata.name": namespaceOf(index) } };
    const range = { tcp: { destinationPort: { range: { start: 80, end: 90 } } } };
    const to = outside();
    return clusterNetworkPolicy(`admin-${index}`, {
      tier: "Admin",
      priority: random(1000),
      subject: { namespaces: isWide ? {} : home },
      ingress: [
        { action: "Accept", from: [pods()], protocols: [{ destinationNamedPort: "metrics" }] },
        {
          action: "Deny",
          from: [{ pods: { namespaceSelector: home, podSelector: { matchLabels: { app: "none" } } } }],
        },
      ],
      egress: [
        { action: "Accept", to: to.slice(random(3)), protocols: [range] },
        { action: "Pass", to: [pods()], protocols: [{ udp: { destinationPort: { number: 53 } } }] },
      ],
    });
  });
}

const domain = (): string => `host-${random(50)}.example.org`;

function queryLine(id: number): string {
  const end = (side: "from" | "to"): string => {
    if (side === "to" && random(20) === 0) return `dns/${domain()}`;
    if (random(10) === 0) return `10.0.${random(256)}.${random(256)}`;
    const index = random(podCount);
    return `${namespaceOf(index)}/pod-${index}`;
  };
  return JSON.stringify({ id, from: end("from"), to: end("to"), protocol: "TCP", port: [80, 8080, 443][random(3)] });
}

interface Measured {
  readonly what: string;
  readonly milliseconds: number;
  readonly queries: number;
}

/** From the first answer of the program to its last, its queries given as fast as it takes them. */
async function throughProgram(manifest: string, lines: readonly string[]): Promise<Measured> {
  const child = spawn(process.execPath, [binary, "eval", "-f", manifest], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.write(`${lines[0]}\n`);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const started = performance.now();
  child.stdout.resume();
  child.stdin.end(`${lines.join("\n")}\n`);
  await new Promise((resolve) => child.on("close", resolve));
  return {
    what: "the program, from its first answer",
    milliseconds: performance.now() - started,
    queries: lines.length,
  };
}

async function inProcess(manifest: string, lines: readonly string[]): Promise<Measured[]> {
  const read = await readManifests([manifest], { recursive: false });
  const resolver = createResolver(read.cluster, read.workloads);
  const evaluator = createEvaluator(read.cluster);
  const measure = (what: string, queries: number, run: () => void): Measured => {
    const started = performance.now();
    run();
    return { what, milliseconds: performance.now() - started, queries };
  };
  const ask = () => lines.forEach((line) => answerLine(line, resolver, evaluator));
  const few = lines.slice(0, 200).map((line) => readQuery(JSON.parse(line) as object));
  const reference = () => {
    for (const query of few) {
      const connection = "error" in query ? query : resolver.resolve(query);
      if (!("error" in connection)) evaluate(read.cluster, connection);
    }
  };
  return [
    measure("a line in, a line out, cold", lines.length, ask),
    measure("a line in, a line out, again", lines.length, ask),
    measure("the reference evaluator", few.length, reference),
  ];
}

const worlds: readonly (readonly [string, () => object[]])[] = [
  [`${policyCount} NetworkPolicies`, () => []],
  [`and ${adminCount} ClusterNetworkPolicies, one in twenty for every pod`, () => adminPolicies("some")],
  [`and ${adminCount} ClusterNetworkPolicies, all for every pod`, () => adminPolicies("all")],
];

const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
try {
  console.log(`${podCount} pods, ${queryCount} queries, Node ${process.version}`);
  for (const [what, more] of worlds) {
    random = createRandom(42);
    const manifest = join(folder, "objects.json");
    const items = [...clusterObjects(), ...more()];
    writeFileSync(manifest, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    const lines = Array.from({ length: queryCount }, (_, id) => queryLine(id));
    console.log(`\n${what}\n\n| what | queries/s | µs each |\n|---|---|---|`);
    for (const { what: how, milliseconds, queries } of [
      await throughProgram(manifest, lines),
      ...(await inProcess(manifest, lines)),
    ]) {
      const perSecond = Math.round((queries / milliseconds) * 1000);
      console.log(`| ${how} | ${perSecond} | ${((milliseconds / queries) * 1000).toFixed(2)} |`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
