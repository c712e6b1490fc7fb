/**
 * What it costs to report denied connections, and to decide beside what is enforced for policies in audit. One
 * interleaved run; prints ratios to the same path without.
 *   node bench/reports.ts [--rounds 15] [--seconds 0.2]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileWhole } from "../src/compile/whole.ts";
import { nftablesDataplane } from "../src/dataplane/nftables/nftables.ts";
import { decodeNode } from "../src/kube/decode/node.ts";
import { decodePod } from "../src/kube/decode/pod.ts";
import type { Policy } from "../src/policy/policy.ts";
import { networkPolicyKind } from "../src/policy/network-policy/network-policy.ts";
import { buildPath, clientAddress, serverAddress, serverPort, type Path } from "./packet/path.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, seconds: { type: "string", default: "0.2" } },
});

function must<T>(value: T | null): T {
  if (value === null) throw new Error("the bench's own object does not decode");
  return value;
}

const pod = (name: string, address: string) =>
  must(
    decodePod({
      metadata: { namespace: "bench", name, labels: { app: name } },
      spec: { nodeName: "node", containers: [{ name: "c" }] },
      status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
    }).value,
  );

/** Lets the client in at one port. */
function toServer(name: string, port: number, mode: "enforce" | "audit"): Policy {
  const decoded = networkPolicyKind.decode({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "bench", name, annotations: { "portcullis.dev/mode": mode } },
    spec: {
      podSelector: { matchLabels: { app: "server" } },
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { app: "client" } } }],
          ports: ["TCP", "UDP"].map((protocol) => ({ protocol, port })),
        },
      ],
    },
  });
  return must(decoded.policy);
}

const load =
  (policies: readonly Policy[], logGroup: number | null) =>
  async (netns: string): Promise<void> => {
    const node = must(decodeNode({ metadata: { name: "node" }, spec: { podCIDRs: ["10.244.0.0/16"] } }).value);
    const objects = [node, pod("client", clientAddress), pod("server", serverAddress)];
    const dataplane = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
    const options = { nodeName: "node", podCidrs: null, unknownPods: "drop", established: "cut" } as const;
    await dataplane.sync(compileWhole({ objects, policies }, { ...options, defaultVerdict: "accept", logGroup }));
    dataplane.close();
  };

const denies = toServer("denies", serverPort + 1, "enforce");
const accepts = toServer("accepts", serverPort, "enforce");
const wouldDeny = toServer("would-deny", serverPort + 1, "audit");
const wouldAccept = toServer("would-accept", serverPort, "audit");
const group = 9080;

interface Comparison {
  readonly name: string;
  readonly mode: "connect" | "packets";
  readonly base: Path;
  readonly path: Path;
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

/** Base, path, path, base: what drifts slowly on the machine falls out. Rates: how much longer one takes. */
function ratioOf({ base, path, mode }: Comparison, seconds: number): number {
  const [before, first, second, after] = [base, path, path, base].map((each) => each.measure(mode, seconds)[0] ?? 0);
  return ((before ?? 0) + (after ?? 0)) / ((first ?? 0) + (second ?? 0));
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const program = join(folder, "load");
  execFileSync("cc", ["-O2", "-o", program, join(import.meta.dirname, "packet", "load.c")], { stdio: "inherit" });
  const paths: Path[] = [];
  const path = async (name: string, policies: readonly Policy[], logGroup: number | null): Promise<Path> => {
    const made = await buildPath(program, name, load(policies, logGroup));
    paths.push(made);
    return made;
  };
  console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} cores`);
  try {
    const silent = await path("deny", [denies], null);
    const open = await path("open", [], group);
    const accepted = await path("accept", [accepts], group);
    const audited = await path("audit", [accepts, wouldAccept], group);
    const comparisons: readonly Comparison[] = [
      { name: "denied, against itself", mode: "packets", base: silent, path: await path("deny2", [denies], null) },
      { name: "denied and reported", mode: "packets", base: silent, path: await path("log", [denies], group) },
      {
        name: "denied, an audit would accept",
        mode: "packets",
        base: silent,
        path: await path("log-audit", [denies, wouldAccept], null),
      },
      { name: "connect, an audit accepts too", mode: "connect", base: accepted, path: audited },
      {
        name: "connect, only an audit denies",
        mode: "connect",
        base: open,
        path: await path("aud", [wouldDeny], group),
      },
      { name: "packet of an open flow with an audit", mode: "packets", base: accepted, path: audited },
    ];
    const rounds = Array.from({ length: Number(values.rounds) }, () =>
      comparisons.map((one) => ratioOf(one, Number(values.seconds))),
    );
    console.log("| what | takes so many times as long |\n|-|-|");
    for (const [index, { name }] of comparisons.entries()) {
      console.log(`| ${name} | ${median(rounds.map((round) => round[index] ?? 0)).toFixed(3)} |`);
    }
  } finally {
    for (const one of paths) one.close();
    rmSync(folder, { recursive: true });
  }
}

await main();
