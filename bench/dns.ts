/**
 * What it adds to a DNS answer that names are learned from it, and whether 5,000 answers a second get through. Two
 * sites of network namespaces, one with an agent and one without, asked in turn in one run. Prints milliseconds and
 * what is added; then answers that never came.
 *   node bench/dns.ts [--rounds 20] [--asks 200] [--rate 5000] [--seconds 5]
 */
import { arch, cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { type Asker, startAsker, startOutside, startResolver } from "../test/names/processes.ts";
import { buildScene, namesPolicy } from "../test/names/scene.ts";
import { buildSite, service } from "../test/names/site.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    asks: { type: "string", default: "200" },
    rate: { type: "string", default: "5000" },
    seconds: { type: "string", default: "5" },
  },
});
const [rounds, asks] = [Number(values.rounds), Number(values.asks)];
const [server] = service;

/** Names by what there is to do about them. `#`: another one each time; the host's number is before the first dot. */
const ways = [
  { name: "no agent", pattern: "ok-7-60.a.example.org", agent: false },
  { name: "agent, a pod without names", pattern: "ok-7-60.a.example.org", agent: true, plain: true },
  { name: "agent, a name of no policy", pattern: "ok-7-60.a.example.net", agent: true },
  { name: "agent, addresses known", pattern: "ok-7-60.n#.example.org", agent: true },
  { name: "agent, a new address", pattern: "wide-#-1.example.org", agent: true, most: 1500 },
] as const;

const sorted = (times: readonly number[]): readonly number[] => times.toSorted((a, b) => a - b);
const quantile = (times: readonly number[], of: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * of))] ?? Number.NaN;
const text = (milliseconds: number): string => milliseconds.toFixed(3).padStart(8);

async function inTurn(askerOf: (way: (typeof ways)[number]) => Asker): Promise<void> {
  const times = new Map(ways.map(({ name }) => [name, [] as number[]]));
  let first = 1;
  for (let round = 0; round < rounds; round += 1) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const { name, pattern } = way;
      // A pod's share of new addresses is not to be used up.
      const count = "most" in way ? Math.min(asks, Math.floor(way.most / rounds)) : asks;
      const taken = await askerOf(way).call("series", { server, count, pattern, first });
      // The first of each turn wakes processes up that the others had put to sleep.
      times.get(name)?.push(...taken.slice(5));
      first += asks;
    }
  }
  const [none = 0, none99 = 0] = [0.5, 0.99].map((of) => quantile(sorted(times.get("no agent") ?? []), of));
  for (const [name, all] of times) {
    const [p50 = 0, p99 = 0] = [0.5, 0.99].map((of) => quantile(sorted(all), of));
    const added = `added p50 ${text(p50 - none)}  p99 ${text(p99 - none99)}`;
    console.log(`${name.padEnd(28)} p50 ${text(p50)}  p99 ${text(p99)} ms  ${added}  (${all.length})`);
  }
}

async function many(name: string, asker: Asker, pattern: string): Promise<void> {
  const perSecond = Number(values.rate);
  const milliseconds = 1000 * Number(values.seconds);
  const { sent, times } = await asker.call("rate", { servers: [server], perSecond, milliseconds, pattern });
  const share = (sent / (perSecond * Number(values.seconds))) * 100;
  console.log(
    `${name.padEnd(28)} ${sent} asked at once (${share.toFixed(0)} % of the rate), ${sent - times.length} not answered, p50 ${text(quantile(times, 0.5))}  p99 ${text(quantile(times, 0.99))} ms`,
  );
}

const model = cpus()[0]?.model ?? "";
console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} × ${model}`);
const scene = await buildScene(["--dns-grace", "1s", "--sync-period", "1h"]);
const bare = buildSite();
const bareParts = [await startResolver(bare), await startOutside(bare)];
const bareClient = await startAsker(bare, "client");
try {
  await scene.start();
  await scene.enforce(namesPolicy(["*.example.org"]));
  await inTurn((way) => (!way.agent ? bareClient : "plain" in way ? scene.plain : scene.client));
  const rate = "ok-7-60.n#.example.org";
  await many("no agent", bareClient, rate);
  await many("agent, addresses known", scene.client, rate);
  const [late, unseen, held] = await Promise.all(
    ["late_answers", "unseen_packets", "held_answers"].map((name) => scene.metric(`portcullis_dns_${name}_total`)),
  );
  console.log(`of all: ${held} answers held, ${late} of them let go unlearned, ${unseen} packets passed unseen`);
} finally {
  for (const part of [...bareParts, bareClient]) await part.stop();
  bare.remove();
  await scene.remove();
}
