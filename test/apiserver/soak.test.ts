import assert from "node:assert/strict";
import { test } from "node:test";
import { whySkipped } from "./available.ts";
import { resultText, soak } from "./soak/run.ts";

const seed = Number(process.env["FC_SEED"] ?? Date.now() % 1_000_000_000);

/** A slice of `npm run soak`; the seed is in the message of a failure. */
test("half a minute of everything at once", { skip: whySkipped() }, async (context) => {
  const lines: string[] = [];
  const result = await soak({
    seed,
    seconds: 30,
    agentEvery: 8,
    serverEvery: 20,
    sampleSeconds: 10,
    tell: (line) => lines.push(line),
    stopped: () => false,
  });
  const said = [`seed ${seed}`, ...lines, ...result.leaks, resultText(result)].join("\n");
  assert.equal(result.disagreements, 0, said);
  assert.deepEqual(result.leaks, [], said);
  assert.ok(result.probes > 200 && result.allowed > 20 && result.allowed < result.probes, said);
  context.diagnostic(said);
});
