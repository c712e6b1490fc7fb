import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { plainAgents } from "../../src/lab/agents.ts";
import { addressesIn, askKernel, type Asked, type Outcome } from "../../src/lab/ask.ts";
import { Lab, randomLabName } from "../../src/lab/lab.ts";
import type { Topology } from "../../src/lab/plan/plan.ts";
import { inputOf } from "../../src/lab/standing-lab.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { clusterFromSeed } from "../random-cluster.ts";
import { randomQueries } from "./random-queries.ts";

/** What one cluster gave. */
export interface Comparison {
  readonly seed: number;
  readonly topology: Topology;
  readonly probes: number;
  readonly allowed: number;
  readonly disagreements: readonly Outcome[];
  /** Where cluster and queries are kept, if there was a disagreement. */
  readonly kept: string | null;
}

export const probesPerCluster = 70;

/** Clusters that follow each other in one lab: the agents meet the next one as a change. */
export const clustersPerLab = 5;

/** What a disagreement needs to be understood: the input, the questions, what the kernel and conntrack hold. */
function keep(lab: Lab, seed: number, objects: readonly object[], queries: readonly object[]): string {
  const folder = join(tmpdir(), `portcullis-disagreement-${seed}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "objects.json"),
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, null, 1),
  );
  writeFileSync(join(folder, "queries.jsonl"), queries.map((query) => `${JSON.stringify(query)}\n`).join(""));
  for (const { role, of, name } of lab.plan.namespaces) {
    if (role !== "node") continue;
    const listed = inNamespace(name, () => [
      spawnSync("nft", ["list", "ruleset"], { encoding: "utf8" }).stdout,
      spawnSync("conntrack", ["-L"], { encoding: "utf8" }).stdout,
    ]);
    writeFileSync(join(folder, `${of}.txt`), listed.join("\n"));
  }
  for (const { node, log } of lab.agents) copyFileSync(log, join(folder, `${node}.log`));
  return folder;
}

/** An answer that is late on a busy machine comes when it is asked for at rest; what a rule drops stays dropped. */
const restsMs = [1000, 4000];

/** Asks what nobody answered, though the evaluator allows it, again and alone after a rest. */
async function askAtRest(lab: Lab, outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
  const settled: Outcome[] = [];
  for (const outcome of outcomes) {
    let latest = outcome;
    for (const rest of outcome.reason === "timeout" && outcome.evaluator === "allow" ? restsMs : []) {
      if (latest.verdict === "allow") break;
      await pause(rest);
      [latest = latest] = await askKernel([outcome], lab.prober);
    }
    settled.push(latest);
  }
  return settled;
}

/** Brings a lab to the random cluster of a seed, asks the kernel, and compares with the evaluator. */
export async function compareCluster(lab: Lab, seed: number): Promise<Comparison> {
  const objects = clusterFromSeed(seed);
  const queries = randomQueries(objects, seed, probesPerCluster);
  const { topology } = lab.options;
  await lab.bring(await inputOf(lab.options, objects, addressesIn(queries)));
  const questions = queries.map((query) => lab.asker.ask(query));
  const asked = questions.filter((question): question is Asked => "probe" in question);
  const outcomes = await askAtRest(lab, await askKernel(asked, lab.prober));
  const disagreements = outcomes.filter(({ verdict, evaluator }) => verdict !== evaluator);
  const wrong = queries.filter(({ id }) => disagreements.some((outcome) => outcome.id === id));
  return {
    seed,
    topology,
    probes: outcomes.length,
    allowed: outcomes.filter(({ verdict }) => verdict === "allow").length,
    disagreements,
    kept: disagreements.length > 0 ? keep(lab, seed, objects, wrong) : null,
  };
}

/** An empty lab for some clusters. */
export function newLab(topology: Topology): Lab {
  return new Lab({ name: randomLabName(), topology, flags: plainAgents, detached: false, enforce: true });
}

/** Compares the clusters of the seeds from `seed` on, until `done`; topologies take turns. To be run contained. */
export async function* compareClusters(seed: number, done: (count: number) => boolean): AsyncGenerator<Comparison> {
  for (let count = 0; !done(count);) {
    const lab = newLab((count / clustersPerLab) % 2 === 0 ? "routed" : "bridged");
    for (let turn = 0; turn < clustersPerLab && !done(count); turn += 1) {
      yield await compareCluster(lab, seed + count);
      count += 1;
    }
    lab.down();
  }
}
