/**
 * Takes the rules away as somebody else would, again and again, while forbidden packets are sent, and measures how
 * long it takes until they are back:
 *   node test/faults/repair.ts [--repeats 100]
 * Exits 1 if they are not back within 50 ms (p99), come back with an old generation, or anything forbidden arrives
 * after that.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { generationSetName } from "../../src/dataplane/nftables/render/base-sets.ts";
import { type NftTable, openTable } from "../../src/dataplane/nftables/wire/table.ts";
import { createFolder } from "./folder.ts";
import { createTraffic, startAgent, untilReady } from "./processes.ts";
import { type Site, buildSite, nft } from "./site.ts";

export interface RepairResult {
  readonly repeats: number;
  /** Milliseconds from the damage to the complete table, sorted. */
  readonly milliseconds: readonly number[];
  /** How often the table came back with the generation that it had before. */
  readonly oldGenerations: number;
  /** Forbidden arrivals while the rules were gone: they show that the traffic is seen. */
  readonly during: number;
  /** Forbidden arrivals at other times. */
  readonly after: readonly string[];
  readonly lost: number;
  readonly streamLost: number;
  readonly streamEnd: string | null;
}

const damages: readonly ((site: Site, table: NftTable) => void)[] = [
  (_site, table) => table.transact({ operations: [{ kind: "delete-table" }] }),
  (site) => void nft(site.node, "flush", "ruleset"),
  (site) => void nft(site.node, "flush", "table", "inet", "portcullis"),
  (site) => void nft(site.node, "delete", "table", "inet", "portcullis"),
  (site) => void nft(site.node, "add table inet portcullis { flags dormant; }"),
];

interface Shape {
  readonly generation: string;
  readonly rules: number;
  readonly elements: number;
}

/** What the table holds, as far as damages can change it; null: there is none, or it is being built. */
function shapeOf(table: NftTable): Shape | null {
  const content = table.read();
  if (content === null) return null;
  if (content.dormant) return null;
  const { chains, sets } = content;
  let rules = 0;
  for (const chain of chains.values()) rules += chain.rules.length;
  let elements = 0;
  for (const set of sets.values()) elements += set.elements.size;
  return { generation: [...(sets.get(generationSetName)?.elements.keys() ?? [])].join(), rules, elements };
}

/** Waits until the table is as it was but for the generation; gives the new shape. */
async function untilRepaired(table: NftTable, before: Shape): Promise<Shape> {
  const deadline = performance.now() + 5000;
  while (performance.now() < deadline) {
    const now = shapeOf(table);
    if (now !== null && now.rules === before.rules && now.elements === before.elements) return now;
    await sleep(1);
  }
  throw new Error("the table is not back after 5 s");
}

interface Damage {
  readonly from: number;
  readonly to: number;
  readonly milliseconds: number;
  readonly sameGeneration: boolean;
}

async function damageOnce(site: Site, table: NftTable, damage: (site: Site, table: NftTable) => void): Promise<Damage> {
  const before = shapeOf(table);
  if (before === null) throw new Error("there is no table to damage");
  const from = Date.now();
  damage(site, table);
  const started = performance.now();
  const after = await untilRepaired(table, before);
  return {
    from,
    to: Date.now(),
    milliseconds: performance.now() - started,
    sameGeneration: after.generation === before.generation,
  };
}

/** The clocks of two processes and a receiver that is scheduled late: so long after the repair an arrival still counts to it. */
const slack = 100;

export async function repairMany(repeats: number): Promise<RepairResult> {
  const site = buildSite();
  const folder = createFolder();
  const traffic = await createTraffic(site);
  const agent = startAgent(site, folder.path, folder.socket);
  let table: NftTable | null = null;
  try {
    await untilReady(folder.socket);
    table = openTable(site.node, "portcullis");
    traffic.start();
    await sleep(300);
    const done: Damage[] = [];
    for (let index = 0; index < repeats; index += 1) {
      const damage = damages[index % damages.length];
      if (damage) done.push(await damageOnce(site, table, damage));
      await sleep(2 * slack);
    }
    const { client, server, stranger } = await traffic.finish();
    const arrivals = [...server.forbidden, ...client.forbidden, ...stranger.forbidden];
    const outside = arrivals.filter(([at]) => !done.some(({ from, to }) => at >= from && at <= to + slack));
    return {
      repeats,
      milliseconds: done.map(({ milliseconds }) => milliseconds).sort((left, right) => left - right),
      oldGenerations: done.filter(({ sameGeneration }) => sameGeneration).length,
      during: arrivals.length - outside.length,
      after: outside.map(([, what]) => what),
      lost: Math.max(0, client.sent - client.returned - client.unread - server.unread),
      streamLost: client.streamSent - client.streamReturned,
      streamEnd: client.streamEnd,
    };
  } catch (error) {
    throw new Error(`after: ${agent.log().slice(-3000)}`, { cause: error });
  } finally {
    table?.close();
    await agent.kill("SIGKILL");
    await traffic.close();
    site.remove();
    folder.removeAll();
  }
}

export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;

/** What is wrong with the result; empty: nothing. `limit`: milliseconds for the p99. */
export function problemsOf(result: RepairResult, limit: number): readonly string[] {
  const problems: string[] = [];
  const p99 = percentile(result.milliseconds, 0.99);
  if (p99 > limit) problems.push(`the rules were back after ${p99.toFixed(1)} ms (p99)`);
  if (result.oldGenerations > 0) problems.push(`${result.oldGenerations} times with the old generation`);
  if (result.during === 0)
    problems.push("nothing forbidden arrived while the rules were gone: the traffic shows nothing");
  if (result.after.length > 0)
    problems.push(
      `${result.after.length} forbidden arrived after the repair: ${[...new Set(result.after)].join(", ")}`,
    );
  if (result.lost > 0) problems.push(`${result.lost} allowed datagrams were lost`);
  if (result.streamLost > 0 || result.streamEnd !== null)
    problems.push(`the allowed stream lost ${result.streamLost} bytes (${result.streamEnd ?? "open"})`);
  return problems;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { repeats: { type: "string", default: "100" } } });
  const result = await repairMany(Number(values.repeats));
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(result.milliseconds, share).toFixed(1));
  console.log(
    `${result.repeats} times: back after ${p50} ms (p50), ${p99} ms (p99), ${result.milliseconds.at(-1)?.toFixed(1)} ms (most)`,
  );
  console.log(`${result.during} forbidden arrived while the rules were gone, ${result.after.length} after`);
  const problems = problemsOf(result, 50);
  for (const problem of problems) console.log(`FAIL ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
