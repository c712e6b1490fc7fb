/**
 * Lets the kernel refuse transactions at random under load (before they are done, between those of one change, and
 * with their answer lost after they were done), while forbidden packets are sent and allowed flows run:
 *   node test/faults/refusal.ts [--seconds 60] [--seed N]
 * Exits 1 if anything forbidden arrives, anything allowed is lost, or the agent does not recover.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runAgent } from "../../src/agent/run.ts";
import { createCompiler } from "../../src/compile/incremental.ts";
import { DataplaneError } from "../../src/dataplane/dataplane.ts";
import { nftablesDataplane } from "../../src/dataplane/nftables/nftables.ts";
import { openTable } from "../../src/dataplane/nftables/wire/table.ts";
import { createLog } from "../../src/observe/log.ts";
import { manifestFolder } from "../../src/source/manifests/watch.ts";
import { systemClock } from "../../src/system/clock.ts";
import { createFolder } from "./folder.ts";
import { createTraffic, untilReady } from "./processes.ts";
import { randomOf } from "./random.ts";
import { buildSite } from "./site.ts";

export interface RefusalResult {
  readonly changes: number;
  readonly refused: Readonly<Record<"before" | "after" | "read", number>>;
  readonly logged: number;
  readonly forbiddenSent: number;
  readonly slipped: readonly string[];
  readonly lost: number;
  readonly streamLost: number;
  readonly streamEnd: string | null;
  /** What a check found after everything had calmed down: differences that nobody had noticed. */
  readonly leftOver: readonly string[];
}

type Refused = Record<"before" | "after" | "read", number>;

/** Opens the table so that every now and then an operation fails, while `failing` says so. */
function faultyOpen(random: () => number, failing: () => boolean, refused: Refused): typeof openTable {
  // After a refusal up to nine calls pass: long rows would only show how long the agent waits between attempts.
  let spared = 0;
  const refuse = (when: keyof Refused, share: number) => {
    if (spared > 0) spared -= 1;
    else if (failing() && random() < share) {
      spared = Math.floor(random() * 10);
      refused[when] += 1;
      throw new DataplaneError(`the kernel refused: ENOBUFS (injected ${when})`, "injected");
    }
  };
  return (netns, name) => {
    const table = openTable(netns, name);
    return {
      ...table,
      transact: (step) => {
        refuse("before", 0.25);
        table.transact(step);
        refuse("after", 0.25);
      },
      read: () => {
        refuse("read", 0.6);
        return table.read();
      },
    };
  };
}

export async function refuseAtRandom(seconds: number, seed: number): Promise<RefusalResult> {
  const random = randomOf(seed);
  const site = buildSite();
  const folder = createFolder();
  const traffic = await createTraffic(site);
  const stop = new AbortController();
  const refused: Refused = { before: 0, after: 0, read: 0 };
  const errors: string[] = [];
  let failing = false;
  const write = (line: string) => {
    if (line.includes(" ERROR ")) errors.push(line);
  };
  const dataplane = nftablesDataplane({
    netns: site.node,
    ctMarkMask: 0xffff0000,
    open: faultyOpen(random, () => failing, refused),
  });
  const agent = runAgent(
    {
      openSource: () => manifestFolder(folder.path),
      createCompiler: () =>
        createCompiler({
          nodeName: "node-1",
          podCidrs: null,
          unknownPods: "drop",
          established: "cut",
          defaultVerdict: "accept",
          logGroup: 9080,
        }),
      dataplane,
      clock: systemClock,
      random,
      log: createLog({ format: "text", level: "info", now: Date.now, write }),
      bind: { kind: "unix", path: folder.socket },
      syncPeriod: 500,
      audit: false,
      build: {},
    },
    stop.signal,
  );
  let round = 0;
  try {
    await untilReady(folder.socket);
    traffic.start();
    failing = true;
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      folder.change((round += 1));
      await sleep(10 + random() * 40);
    }
    failing = false;
    await untilReady(folder.socket, folder.digest(), 20_000);
    const { client, server, stranger } = await traffic.finish();
    stop.abort();
    await agent;
    return {
      changes: round,
      refused,
      logged: errors.length,
      forbiddenSent: client.forbiddenSent + stranger.forbiddenSent,
      slipped: [...client.forbidden, ...server.forbidden, ...stranger.forbidden].map(([, what]) => what),
      lost: Math.max(0, client.sent - client.returned - client.unread - server.unread),
      streamLost: client.streamSent - client.streamReturned,
      streamEnd: client.streamEnd,
      leftOver: await differencesLeft(site.node, folder.path),
    };
  } catch (error) {
    throw new Error(`with seed ${seed}, after: ${errors.slice(-5).join("")}`, { cause: error });
  } finally {
    stop.abort();
    await agent;
    await traffic.close();
    site.remove();
    folder.removeAll();
  }
}

/** What a fresh compile of the folder finds different in the kernel. */
async function differencesLeft(netns: string, path: string): Promise<readonly string[]> {
  const options = {
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: 9080,
  } as const;
  const compiler = createCompiler(options);
  const stop = new AbortController();
  const source = manifestFolder(path);
  const { cluster } = await source.snapshot(stop.signal);
  stop.abort();
  for await (const update of source.changes(stop.signal)) void update;
  const fresh = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
  const { differences } = await fresh.sync(compiler.load(cluster));
  fresh.close();
  return differences;
}

/** What is wrong with the result; empty: nothing. */
export function problemsOf(result: RefusalResult): readonly string[] {
  const problems: string[] = [];
  const { refused } = result;
  if (refused.before + refused.after + refused.read < 5) problems.push("too little was refused to show anything");
  if (result.logged === 0) problems.push("nothing was reported");
  if (result.slipped.length > 0)
    problems.push(`${result.slipped.length} forbidden arrived: ${[...new Set(result.slipped)].join(", ")}`);
  if (result.lost > 0) problems.push(`${result.lost} allowed datagrams were lost`);
  if (result.streamLost > 0 || result.streamEnd !== null)
    problems.push(`the allowed stream lost ${result.streamLost} bytes (${result.streamEnd ?? "open"})`);
  if (result.leftOver.length > 0) problems.push(`left over in the kernel: ${result.leftOver.join("; ")}`);
  return problems;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const result = await refuseAtRandom(Number(values.seconds), seed);
  console.log(JSON.stringify(result, null, 2));
  const problems = problemsOf(result);
  for (const problem of problems) console.log(`FAIL ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
