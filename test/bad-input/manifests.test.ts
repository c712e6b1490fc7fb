import assert from "node:assert/strict";
import { test } from "node:test";
import { bombs } from "./bombs.ts";
import { examine } from "./examine.ts";
import { randomFrom } from "./random.ts";
import { readMutants } from "./run.ts";

test("500 mutated manifests: no crash, no hang, no text that breaks out", { timeout: 300_000 }, async () => {
  const seed = Number(process.env["FC_SEED"] ?? Date.now() % 1_000_000);
  const { failures } = await readMutants(seed, 500);
  const texts = failures.map(
    ({ index, problem }) => `npm run fuzz:manifests -- --seed ${seed} --case ${index}: ${problem}`,
  );
  assert.deepEqual(texts, []);
});

for (const [index, bomb] of bombs.entries()) {
  test(
    `bomb ${index}: ${bomb(randomFrom(1))
      .slice(0, 30)
      .replaceAll(/[^!-~]+/g, " ")}`,
    { timeout: 60_000 },
    async () => {
      for (const name of ["a.yaml", "a.json"]) {
        assert.deepEqual(await examine({ name, bytes: Buffer.from(bomb(randomFrom(index))) }), []);
      }
    },
  );
}
