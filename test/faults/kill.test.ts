import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { killMany, problemsOf } from "./kill.ts";
import { missingForSites } from "./site.ts";

const skip = missingForSites() ?? false;

describe("an agent that is killed under load and started again", { skip, timeout: 120_000 }, () => {
  // `node test/faults/kill.ts --kills 200` does more of it.
  it("lets nothing forbidden through and loses nothing of what is allowed (10 kills)", async (context) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const result = await killMany(10, seed);
    context.diagnostic(`seed ${seed}: ${JSON.stringify(result)}`);
    assert.deepEqual(problemsOf(result), [], `seed ${seed}`);
  });
});
