/** Rounds of random changes and incidents; after each, packets against the evaluator. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressesIn } from "../../../src/lab/ask.ts";
import { inNamespace } from "../../../src/system/namespace.ts";
import { runAtOnce } from "../../../src/system/program.ts";
import { numbersFrom } from "../../differential/random-numbers.ts";
import { randomQueries } from "../../differential/random-queries.ts";
import { nodeNames } from "../../random-cluster.ts";
import { cut, heal } from "../cut.ts";
import { heldObjects, type HeldObjects } from "../objects-of.ts";
import { type Met, Site } from "../site.ts";
import { installTiers } from "../tiers.ts";
import { createChurn } from "./churn.ts";
import { leaksIn, type Sample, sampleText, takeSample } from "./leaks.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly seconds: number;
  /** An agent is restarted every so many rounds. */
  readonly agentEvery: number;
  /** The API server is, in one way or another. */
  readonly serverEvery: number;
  readonly sampleSeconds: number;
  readonly tell: (line: string) => void;
  /** True: end after this round. */
  readonly stopped: () => boolean;
}

export interface SoakResult {
  readonly rounds: number;
  readonly changes: number;
  readonly refused: number;
  readonly probes: number;
  readonly allowed: number;
  readonly agentRestarts: number;
  readonly serverRestarts: number;
  readonly disagreements: number;
  readonly leaks: readonly string[];
}

const probesPerRound = 50;
const mostChanges = 6;
/** After so many it ends: more of them say no more. */
const mostDisagreements = 5;
/** The agent of the last node is never restarted: its memory is watched. */
const restartable = nodeNames.slice(0, -1);

/** What a disagreement needs to be understood. */
function keep(site: Site, name: string, held: HeldObjects, wrong: readonly Met[]): string {
  const folder = join(tmpdir(), name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "objects.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: held.raw }));
  writeFileSync(join(folder, "wrong.jsonl"), wrong.map((met) => `${JSON.stringify(met)}\n`).join(""));
  for (const agent of site.agents.values()) {
    copyFileSync(agent.process.log, join(folder, `${agent.node}.log`));
    const list = (): string => runAtOnce("nft", ["list", "ruleset"]).stdout;
    writeFileSync(join(folder, `${agent.node}.nft`), inNamespace(site.network.namespaceOf(agent.node), list));
  }
  return folder;
}

class Soak {
  readonly #site: Site;
  readonly #options: SoakOptions;
  readonly #below: (limit: number) => number;
  readonly #churn;
  readonly #samples: Sample[] = [];
  readonly #counts = {
    rounds: 0,
    changes: 0,
    probes: 0,
    allowed: 0,
    agentRestarts: 0,
    serverRestarts: 0,
    disagreements: 0,
  };

  constructor(site: Site, options: SoakOptions) {
    this.#site = site;
    this.#options = options;
    this.#below = numbersFrom(options.seed);
    this.#churn = createChurn(site, this.#below);
  }

  async run(): Promise<SoakResult> {
    const { seconds, stopped, sampleSeconds, tell } = this.#options;
    const started = performance.now();
    const elapsed = (): number => (performance.now() - started) / 1000;
    let sampled = -Infinity;
    while (elapsed() < seconds && !stopped() && this.#counts.disagreements < mostDisagreements) {
      await this.#round();
      if (elapsed() - sampled < sampleSeconds) continue;
      sampled = elapsed();
      await this.#sample(sampled);
      const { rounds, changes, probes, disagreements } = this.#counts;
      tell(`  ${rounds} rounds, ${changes} changes, ${probes} probes, ${disagreements} disagreements`);
    }
    await this.#sample(elapsed());
    return { ...this.#counts, refused: this.#churn.refusals(), leaks: leaksIn(this.#samples) };
  }

  async #sample(seconds: number): Promise<void> {
    await this.#site.settle();
    const { cluster } = await this.#site.read();
    const sample = await takeSample(this.#site, cluster, seconds);
    this.#samples.push(sample);
    this.#options.tell(sampleText(sample));
    for (const difference of sample.differences.slice(0, 5)) this.#options.tell(`  kernel differs: ${difference}`);
  }

  async #changes(): Promise<void> {
    for (let left = 1 + this.#below(mostChanges); left > 0; left -= 1) {
      const said = await this.#churn.change();
      this.#counts.changes += 1;
      if (said.startsWith("refused")) this.#options.tell(`  ${said}`);
    }
  }

  /** Changes, with what an incident does before, between and after them. */
  async #incident(): Promise<void> {
    const { agentEvery, serverEvery } = this.#options;
    const { rounds } = this.#counts;
    if (rounds % serverEvery === serverEvery - 1) await this.#serverIncident();
    else if (rounds % agentEvery === agentEvery - 1) await this.#agentIncident();
    else await this.#changes();
  }

  async #agentIncident(): Promise<void> {
    const node = restartable[this.#below(restartable.length)] ?? "node-1";
    await this.#site.stopAgent(node, this.#below(2) === 0 ? "SIGTERM" : "SIGKILL");
    await this.#changes();
    this.#site.startAgent(node);
    this.#counts.agentRestarts += 1;
    if (this.#below(2) === 0) await this.#changes();
  }

  async #serverIncident(): Promise<void> {
    const { plane } = this.#site;
    const kind = this.#below(3);
    this.#counts.serverRestarts += 1;
    if (kind === 0) {
      await plane.stopServer("SIGKILL");
      await plane.startServer();
      return await this.#changes();
    }
    const node = nodeNames[this.#below(nodeNames.length)] ?? "node-1";
    cut(this.#site.serverAddressOf(node));
    await this.#changes();
    if (kind === 1) await plane.compact();
    await plane.stopServer("SIGTERM");
    await plane.startServer();
    heal();
  }

  async #round(): Promise<void> {
    const [site, counts] = [this.#site, this.#counts];
    await this.#incident();
    const held = await heldObjects(site.api);
    const known = held.raw.filter(
      ({ metadata }) => !JSON.stringify(metadata.labels ?? {}).includes("portcullis-barrier"),
    );
    const queries = randomQueries(known, this.#below(2 ** 31), probesPerRound);
    site.mention(addressesIn(queries));
    await site.settle();
    const answers = await site.compare(queries);
    const wrong = answers.filter(({ kernel, evaluator }) => kernel !== evaluator);
    counts.rounds += 1;
    counts.probes += answers.length;
    counts.allowed += answers.filter(({ kernel }) => kernel === "allow").length;
    if (wrong.length === 0) return;
    counts.disagreements += wrong.length;
    const folder = keep(site, `portcullis-soak-${this.#options.seed}-${counts.rounds}`, held, wrong);
    this.#options.tell(`round ${counts.rounds}: ${JSON.stringify(wrong.slice(0, 3))}; kept in ${folder}`);
  }
}

/** Runs on a site of its own, and takes it down. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const site = await Site.start({ nodes: nodeNames });
  try {
    await installTiers(site.api, "experimental");
    await site.settle();
    return await new Soak(site, options).run();
  } finally {
    heal();
    await site.down();
  }
}

/** The line that says how it went. */
export function resultText(result: SoakResult): string {
  const { rounds, changes, probes, allowed, agentRestarts, serverRestarts, disagreements, refused, leaks } = result;
  return (
    `${rounds} rounds, ${changes} changes (${refused} refused), ${agentRestarts} agent and ${serverRestarts} API server restarts, ` +
    `${probes} probes (${allowed} allowed), ${disagreements} disagreements, ${leaks.length} leaks`
  );
}
