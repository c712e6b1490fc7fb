/**
 * Mutated manifests against the reader: `npm run fuzz:manifests -- --count 10000 --seed 7`. `--case N` repeats one case
 * of the seed and prints its file.
 */
import { parseArgs } from "node:util";
import { examine } from "../bad-input/examine.ts";
import { readMutants } from "../bad-input/run.ts";
import { caseOf } from "../bad-input/worker.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "10000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    case: { type: "string" },
  },
});
const seed = Number(values.seed);

if (values.case === undefined) {
  console.log(`seed ${seed}`);
  const started = performance.now();
  const { cases, failures, slowest } = await readMutants(seed, Number(values.count));
  for (const { index, problem } of failures) console.log(`--seed ${seed} --case ${index}: ${problem}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `slowest: case ${slowest.index}, ${slowest.ms.toFixed(0)} ms; ${seconds} s; peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`,
  );
  const failed = new Set(failures.map(({ index }) => index)).size;
  console.log(`${cases - failed} passed, ${failed} failed, 0 skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
} else {
  const one = caseOf(seed, Number(values.case));
  process.stderr.write(`${one.name}, ${one.bytes.length} bytes\n`);
  process.stdout.write(one.bytes.subarray(0, 100_000));
  const started = performance.now();
  const problems = await examine(one);
  process.stderr.write(`\n${(performance.now() - started).toFixed(0)} ms\n${problems.join("\n")}\n`);
}
