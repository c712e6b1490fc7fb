/**
 * Kills the agent with SIGKILL at random moments under load and starts it again, while forbidden packets are sent all
 * the time and allowed flows run:
 *   node test/faults/kill.ts [--kills 200] [--seed N]
 * Prints what got through and what was lost; exits 1 if that is not nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createFolder } from "./folder.ts";
import { type AgentProcess, createTraffic, startAgent, untilReady } from "./processes.ts";
import { randomOf } from "./random.ts";
import { type PodName, buildSite } from "./site.ts";
import type { TrafficReport } from "./traffic.ts";

export interface KillResult {
  readonly kills: number;
  /** How often the agent was killed before it had enforced anything, by what it had told last. */
  readonly moments: Readonly<Record<string, number>>;
  readonly forbiddenSent: number;
  /** What was forbidden and arrived. */
  readonly slipped: readonly string[];
  readonly allowedSent: number;
  /** Datagrams of the allowed flow that did not come back, without those that a pod itself left unread. */
  readonly lost: number;
  readonly streamBytes: number;
  readonly streamLost: number;
  readonly streamEnd: string | null;
}

/** Where an agent was, by its log, when it was killed. */
function momentOf(log: string): string {
  if (log.includes("the rules in the kernel are"))
    return log.includes("applied") ? "applying changes" : "after the first sync";
  return log.includes("listening") ? "reading or first sync" : "starting";
}

/** Every other kill falls into the first sync or shortly after it; the rest anywhere in the first 1.2 s. */
async function killAtRandom(agent: AgentProcess, index: number, random: () => number): Promise<string> {
  if (index % 2 === 0) await sleep(random() * 1200);
  else {
    const deadline = performance.now() + 5000;
    while (!agent.log().includes("listening") && performance.now() < deadline) await sleep(2);
    await sleep(random() * 60);
  }
  const moment = momentOf(agent.log());
  await agent.kill("SIGKILL");
  return moment;
}

function resultOf(kills: number, moments: Record<string, number>, reports: Record<PodName, TrafficReport>): KillResult {
  const { client, server, stranger } = reports;
  const unread = client.unread + server.unread;
  return {
    kills,
    moments,
    forbiddenSent: client.forbiddenSent + stranger.forbiddenSent,
    slipped: [...client.forbidden, ...server.forbidden, ...stranger.forbidden].map(([, what]) => what),
    allowedSent: client.sent,
    lost: Math.max(0, client.sent - client.returned - unread),
    streamBytes: client.streamSent,
    streamLost: client.streamSent - client.streamReturned,
    streamEnd: client.streamEnd,
  };
}

/** Runs it on a site of its own. `tell` gets a line now and then. */
export async function killMany(
  kills: number,
  seed: number,
  tell: (line: string) => void = () => {},
): Promise<KillResult> {
  const random = randomOf(seed);
  const site = buildSite();
  const folder = createFolder();
  const traffic = await createTraffic(site);
  const moments: Record<string, number> = {};
  let round = 0;
  const load = setInterval(() => folder.change((round += 1)), 15);
  let agent = startAgent(site, folder.path, folder.socket);
  try {
    await untilReady(folder.socket);
    traffic.start();
    for (let index = 0; index < kills; index += 1) {
      const moment = await killAtRandom(agent, index, random);
      moments[moment] = (moments[moment] ?? 0) + 1;
      agent = startAgent(site, folder.path, folder.socket);
      if ((index + 1) % 20 === 0) tell(`${index + 1} kills, ${round} changes of the folder`);
    }
    // The last one must come up with whatever 200 kills left behind.
    await untilReady(folder.socket);
    clearInterval(load);
    await untilReady(folder.socket, folder.digest());
    return resultOf(kills, moments, await traffic.finish());
  } catch (error) {
    throw new Error(`with seed ${seed}, after: ${agent.log().slice(-3000)}`, { cause: error });
  } finally {
    clearInterval(load);
    await agent.kill("SIGKILL");
    await traffic.close();
    site.remove();
    folder.removeAll();
  }
}

/** What is wrong with the result; empty: nothing. */
export function problemsOf(result: KillResult): readonly string[] {
  const problems: string[] = [];
  if (result.slipped.length > 0)
    problems.push(`${result.slipped.length} forbidden arrived: ${[...new Set(result.slipped)].join(", ")}`);
  if (result.lost > 0) problems.push(`${result.lost} allowed datagrams were lost`);
  if (result.streamLost > 0 || result.streamEnd !== null) {
    problems.push(`the allowed stream lost ${result.streamLost} bytes (${result.streamEnd ?? "open"})`);
  }
  if (result.forbiddenSent < 100 * result.kills || result.allowedSent < 20 * result.kills)
    problems.push("too little was sent to show anything");
  return problems;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { kills: { type: "string", default: "200" }, seed: { type: "string" } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const result = await killMany(Number(values.kills), seed, console.log);
  console.log(JSON.stringify(result, null, 2));
  const problems = problemsOf(result);
  for (const problem of problems) console.log(`FAIL ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
