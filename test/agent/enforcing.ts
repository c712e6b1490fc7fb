/** The loop of an agent with a kernel, a clock and a compiler that a test drives. */
import { createEnforcer } from "../../src/agent/enforcer.ts";
import { createAgentMetrics } from "../../src/agent/metrics.ts";
import { collectedLog, manualClock, plainCompiler, recordingDataplane, settled, snapshotOf } from "./scripted.ts";

/** Nothing is known to it yet. */
export function started() {
  const kernel = recordingDataplane();
  const time = manualClock();
  const compiler = plainCompiler();
  const output = collectedLog();
  const metrics = createAgentMetrics();
  const stop = new AbortController();
  const enforcer = createEnforcer({
    createCompiler: compiler.create,
    dataplane: kernel.dataplane,
    clock: time.clock,
    random: () => 0,
    log: output.log,
    metrics,
    syncPeriod: 60_000,
    audit: false,
  });
  const ended = enforcer.run(stop.signal);
  const end = async () => {
    stop.abort();
    await ended;
  };
  const metric = (name: string): string | undefined =>
    new RegExp(`^${name}(?:{.*})? (.*)$`, "m").exec(metrics.registry.text())?.[1];
  return { kernel, time, compiler, enforcer, stop, ended, end, metric, ...output };
}

/** The kernel has the first snapshot. */
export async function loaded() {
  const agent = started();
  agent.enforcer.load(snapshotOf("d0"), () => {});
  await settled();
  return agent;
}
