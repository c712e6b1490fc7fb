import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refuseAtRandom, problemsOf as refusalProblems } from "./refusal.ts";
import { problemsOf as repairProblems, repairMany } from "./repair.ts";
import { missingForSites } from "./site.ts";

const skip = missingForSites() ?? false;

describe("rules that somebody takes away", { skip, timeout: 120_000 }, () => {
  // `node test/faults/repair.ts` does it 100 times and holds it to 50 ms; here other suites may take the processors.
  it("are back at once, with a new generation (15 times)", async (context) => {
    const result = await repairMany(15);
    context.diagnostic(`milliseconds: ${result.milliseconds.map((time) => time.toFixed(1)).join(" ")}`);
    assert.deepEqual(repairProblems(result, 500), []);
  });
});

describe("a kernel that refuses at random under load", { skip, timeout: 120_000 }, () => {
  // `node test/faults/refusal.ts` does it for a minute.
  it("is reported and recovered from; nothing slips through meanwhile and nothing is lost", async (context) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const result = await refuseAtRandom(8, seed);
    context.diagnostic(`seed ${seed}: ${JSON.stringify(result)}`);
    assert.deepEqual(refusalProblems(result), [], `seed ${seed}`);
  });
});
