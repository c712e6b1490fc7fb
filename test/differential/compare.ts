import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainAgents } from "../../src/lab/agents.ts";
import { addressesIn, askKernel, type Asked, type Outcome } from "../../src/lab/ask.ts";
import { Lab, randomLabName } from "../../src/lab/lab.ts";
import type { Topology } from "../../src/lab/plan/plan.ts";
import { inputOf } from "../../src/lab/standing-lab.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import type { ApiObject } from "../cluster-of.ts";
import { askAtRest } from "./ask-at-rest.ts";
import { closeStreams, delivers, openStream, type OpenStream } from "./open-streams.ts";
import { changedCluster, unreadablePolicy } from "./random-changes.ts";
import { randomQueries, type RandomQuery } from "./random-queries.ts";
import { tieredCluster } from "./tiered-cluster.ts";

/** What is as the evaluator does not say: a probe, or a connection that was open. */
export interface Disagreement {
  readonly state: string;
  readonly query: RandomQuery;
  readonly what: string;
}

/** What one cluster gave, as it was and after each change. */
export interface Comparison {
  readonly seed: number;
  readonly place: LabPlace;
  readonly probes: number;
  readonly allowed: number;
  /** Connections that were open when something changed, and how many of them that cut. */
  readonly streams: number;
  readonly cut: number;
  readonly disagreements: readonly Disagreement[];
  /** Where cluster and queries are kept, if there was a disagreement. */
  readonly kept: string | null;
}

/** The kind of lab that a cluster is tried in. */
export interface LabPlace {
  readonly topology: Topology;
  readonly defaultVerdict: "accept" | "deny";
}

const probesPerCluster = 70;
/** Changes to each cluster while connections are open, and what is asked after each. */
const changesPerCluster = 2;
const probesPerChange = 30;
const streamsPerChange = 12;

/** Clusters that follow each other in one lab: the agents meet the next one as a change. */
export const clustersPerLab = 5;

/** What a disagreement needs to be understood: the input, the questions, what the kernel and conntrack hold. */
function keep(lab: Lab, name: string, objects: readonly object[], queries: readonly object[]): string {
  const folder = join(tmpdir(), `portcullis-disagreement-${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "objects.json"),
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, null, 1),
  );
  writeFileSync(join(folder, "queries.jsonl"), queries.map((query) => `${JSON.stringify(query)}\n`).join(""));
  for (const { role, of, name: namespace } of lab.plan.namespaces) {
    if (role !== "node") continue;
    const listed = inNamespace(namespace, () => [
      spawnSync("nft", ["list", "ruleset"], { encoding: "utf8" }).stdout,
      spawnSync("conntrack", ["-L"], { encoding: "utf8" }).stdout,
    ]);
    writeFileSync(join(folder, `${of}.txt`), listed.join("\n"));
  }
  for (const { node, log } of lab.agents) copyFileSync(log, join(folder, `${node}.log`));
  return folder;
}

/** A cluster in one of its states, and what is asked of it. */
interface State {
  readonly name: string;
  readonly objects: readonly ApiObject[];
  readonly queries: readonly RandomQuery[];
}

interface Answers {
  readonly outcomes: readonly Outcome[];
  readonly disagreements: readonly Disagreement[];
}

/** Questions that have an answer (a Service may have no backend), with the question as it was asked. */
function understood(lab: Lab, queries: readonly RandomQuery[]): readonly (readonly [RandomQuery, Asked])[] {
  return queries.flatMap((query) => {
    const question = lab.asker.ask(query);
    return "probe" in question ? [[query, question] as const] : [];
  });
}

async function askState(lab: Lab, { name, queries }: State): Promise<Answers> {
  const asked = understood(lab, queries);
  const outcomes = await askAtRest(
    lab,
    await askKernel(
      asked.map(([, question]) => question),
      lab.prober,
    ),
  );
  const disagreements = asked.flatMap(([query], index) => {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome.verdict === outcome.evaluator) return [];
    const { verdict, evaluator, reason, probe } = outcome;
    const what = `kernel ${verdict} (${reason}), evaluator ${evaluator}: ${JSON.stringify(probe)}`;
    return [{ state: name, query, what }];
  });
  return { outcomes, disagreements };
}

/** Connections between hosts that the state allows. (Behind a Service the next state may have another backend.) */
async function openStreams(lab: Lab, queries: readonly RandomQuery[]): Promise<readonly OpenStream[]> {
  const streams: OpenStream[] = [];
  for (const [query, question] of understood(lab, queries)) {
    const { probe, evaluator } = question;
    if (streams.length === streamsPerChange) break;
    if (evaluator !== "allow" || probe.protocol !== "TCP" || probe.destination !== probe.answeredBy.address) continue;
    const stream = await openStream(lab.plan, query, question);
    if (stream !== null) streams.push(stream);
  }
  return streams;
}

/** What was open goes on exactly where the new state allows it (docs/semantics.md, 2). */
async function askStreams(lab: Lab, state: State, streams: readonly OpenStream[]): Promise<StreamAnswers> {
  const asked = streams.map((stream) => {
    const question = lab.asker.ask(stream.query);
    if (!("evaluator" in question)) throw new Error(`${JSON.stringify(stream.query)} cannot be asked any more`);
    return { stream, query: stream.query, evaluator: question.evaluator };
  });
  const delivered = await Promise.all(asked.map(({ stream, evaluator }) => delivers(stream, evaluator === "allow")));
  const disagreements = asked.flatMap(({ query, evaluator }, index) => {
    const arrives = delivered[index] === true;
    if (arrives === (evaluator === "allow")) return [];
    const what = `the open connection ${arrives ? "delivers" : "is cut"}, evaluator ${evaluator}`;
    return [{ state: state.name, query, what }];
  });
  return { cut: asked.filter(({ evaluator }) => evaluator === "deny").length, disagreements };
}

interface StreamAnswers {
  readonly cut: number;
  readonly disagreements: readonly Disagreement[];
}

function statesFrom(seed: number): readonly State[] {
  const first = [...tieredCluster(seed), ...(seed % 2 === 0 ? unreadablePolicy(seed) : [])];
  const queries = randomQueries(first, seed, probesPerCluster);
  const states: State[] = [{ name: String(seed), objects: first, queries }];
  let objects: readonly ApiObject[] = first;
  for (let index = 1; index <= changesPerCluster; index += 1) {
    objects = changedCluster(objects, seed * changesPerCluster + index);
    const from = (index * probesPerChange) % probesPerCluster;
    states.push({ name: `${seed}-change-${index}`, objects, queries: queries.slice(from, from + probesPerChange) });
  }
  return states;
}

/**
 * Brings a lab to the random cluster of a seed, asks the kernel, and compares with the evaluator; then changes policies
 * and labels while connections are open, and asks again: whoever connects anew, and what was open.
 */
export async function compareCluster(lab: Lab, seed: number): Promise<Comparison> {
  const states = statesFrom(seed);
  const all = states[0]?.queries ?? [];
  const outcomes: Outcome[] = [];
  const disagreements: Disagreement[] = [];
  let [streams, cut] = [0, 0];
  let kept: string | null = null;
  let open: readonly OpenStream[] = [];
  for (const state of states) {
    await lab.bring(await inputOf(lab.options, state.objects, addressesIn(all)));
    const ofStreams = await askStreams(lab, state, open);
    closeStreams(open);
    streams += open.length;
    cut += ofStreams.cut;
    open = await openStreams(lab, all);
    const answers = await askState(lab, state);
    outcomes.push(...answers.outcomes);
    const wrong = [...ofStreams.disagreements, ...answers.disagreements];
    disagreements.push(...wrong);
    const questions = wrong.map(({ query }) => query);
    if (wrong.length > 0) kept = keep(lab, state.name, state.objects, questions);
  }
  closeStreams(open);
  const allowed = outcomes.filter(({ verdict }) => verdict === "allow").length;
  return { seed, place: placeOf(lab), probes: outcomes.length, allowed, streams, cut, disagreements, kept };
}

function placeOf({ options: { topology, flags } }: Lab): LabPlace {
  return { topology, defaultVerdict: flags.defaultVerdict === "deny" ? "deny" : "accept" };
}

/** An empty lab for some clusters. */
export function newLab({ topology, defaultVerdict }: LabPlace): Lab {
  const flags = { ...plainAgents, defaultVerdict };
  return new Lab({ name: randomLabName(), topology, flags, detached: false, enforce: true });
}

/** Topologies take turns; every third lab denies what no policy decides. */
function placeOfTurn(turn: number): LabPlace {
  return { topology: turn % 2 === 0 ? "routed" : "bridged", defaultVerdict: turn % 3 === 2 ? "deny" : "accept" };
}

/** Compares the clusters of the seeds from `seed` on, until `done`. To be run contained. */
export async function* compareClusters(seed: number, done: (count: number) => boolean): AsyncGenerator<Comparison> {
  for (let count = 0; !done(count);) {
    const lab = newLab(placeOfTurn(count / clustersPerLab));
    for (let turn = 0; turn < clustersPerLab && !done(count); turn += 1) {
      yield await compareCluster(lab, seed + count);
      count += 1;
    }
    lab.down();
  }
}
