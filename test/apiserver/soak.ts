/**
 * `npm run soak -- --minutes 60 --seed N`: random changes of pods, labels, namespaces and policies of a real API server,
 * restarts of agents and of the server, an agent cut off; after each round packets against the evaluator, and once in a
 * while a look at what may leak. Ctrl-C ends it after the round that runs. Prints a line for each sample and each
 * disagreement, and last how it went.
 */
import { parseArgs } from "node:util";
import { isContained, runContained, settleInside, whatIsMissing } from "../../src/lab/contain.ts";
import { outputOf } from "../../src/system/program.ts";
import { buildPrograms } from "./binaries/build.ts";
import { resultText, soak } from "./soak/run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    "agent-every": { type: "string", default: "40" },
    "server-every": { type: "string", default: "250" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  },
});

async function main(): Promise<number> {
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (interrupted = true));
  if (!isContained()) {
    const missing = [whatIsMissing(), ...buildPrograms(["kubernetes"])].filter((line) => line !== null);
    for (const line of missing) console.error(line);
    if (missing.length > 0) return 3;
    return await runContained([...process.execArgv, ...process.argv.slice(1)]);
  }
  settleInside();
  outputOf("ip", ["link", "set", "lo", "up"]);
  const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
  console.log(`seed ${seed}, ${minutes} minutes`);
  const result = await soak({
    seed,
    seconds: minutes * 60,
    agentEvery: Number(values["agent-every"]),
    serverEvery: Number(values["server-every"]),
    sampleSeconds: 60,
    tell: (line) => console.log(line),
    stopped: () => interrupted,
  });
  for (const leak of result.leaks.slice(0, 20)) console.log(`LEAK ${leak}`);
  console.log(resultText(result));
  return result.disagreements === 0 && result.leaks.length === 0 && result.probes > 0 ? 0 : 1;
}

process.exit(await main());
