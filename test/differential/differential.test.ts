import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { whatIsMissing } from "../../src/lab/contain.ts";

const script = join(import.meta.dirname, "..", "fuzz", "kernel.ts");
const clusters = Number(process.env["KERNEL_CLUSTERS"] ?? "10");
const seed = process.env["FC_SEED"] ?? String(Date.now() % 1_000_000_000);

/** A slice of `npm run fuzz:kernel`; the seed is in the message of a failure. */
test(`the kernel does what the evaluator says: ${clusters} random clusters`, async (context) => {
  const missing = whatIsMissing();
  if (missing !== null) return context.skip(missing);
  const args = ["--no-warnings", script, "--clusters", String(clusters), "--seed", seed];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { timeout: 300_000 }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  const result = /^(\d+) clusters, (\d+) probes, (\d+) disagreements$/m.exec(output);
  assert.notEqual(result, null, output);
  assert.equal(Number(result?.[1]), clusters, output);
  // Fewer would mean that most questions had no answer.
  assert.ok(Number(result?.[2]) >= 30 * clusters, output);
  assert.equal(result?.[3], "0", output);
  context.diagnostic(`seed ${seed}: ${result?.[0] ?? ""}`);
  return undefined;
});
