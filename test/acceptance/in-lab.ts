/**
 * The acceptance cases with real packets: `npm run acceptance:lab` (minutes), `-- --only TEXT` picks cases by id,
 * `--topology bridged`. All cases share one lab, so that each is a change to the one before. Prints a line for each
 * query whose packets do not end as the case says, and last `N passed, N failed, N skipped`.
 */
import { parseArgs } from "node:util";
import { plainAgents } from "../../src/lab/agents.ts";
import { addressesIn, askKernel, type Asked } from "../../src/lab/ask.ts";
import { isContained, runContained, settleInside, whatIsMissing } from "../../src/lab/contain.ts";
import { Lab, randomLabName } from "../../src/lab/lab.ts";
import { inputOf } from "../../src/lab/standing-lab.ts";
import type { RawObject } from "../../src/lab/resolve/raw.ts";
import { casesOf, type AcceptanceCase } from "./cases.ts";

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, topology: { type: "string", default: "routed" } },
});

interface Counted {
  readonly passed: number;
  readonly wrong: readonly string[];
  readonly skipped: number;
}

async function runCase(lab: Lab, one: AcceptanceCase): Promise<Counted> {
  await lab.bring(await inputOf(lab.options, one.objects as readonly RawObject[], addressesIn(one.queries)));
  const questions = one.queries.map((query) => lab.asker.ask(query));
  const asked = questions.filter((question): question is Asked => "probe" in question);
  const outcomes = new Map((await askKernel(asked, lab.prober)).map((outcome) => [outcome.id, outcome.verdict]));
  const wrong: string[] = [];
  let skipped = 0;
  for (const [index, { id }] of one.queries.entries()) {
    const expected = one.expect[index] ?? null;
    const got = outcomes.get(id) ?? "no answer";
    if (expected === null) skipped += 1;
    else if (got !== expected)
      wrong.push(`${one.id}: ${JSON.stringify(one.queries[index])}: expected ${expected}, got ${got}`);
  }
  return { passed: one.queries.length - wrong.length - skipped, wrong, skipped };
}

async function runAll(): Promise<boolean> {
  const topology = values.topology === "bridged" ? "bridged" : "routed";
  const lab = new Lab({ name: randomLabName(), topology, flags: plainAgents, detached: false, enforce: true });
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const started = performance.now();
  for await (const one of casesOf("k8s_e2e.jsonl")) {
    if (!one.id.includes(values.only)) continue;
    const { passed, wrong, skipped } = await runCase(lab, one);
    for (const line of wrong) console.log(line);
    totals.passed += passed;
    totals.failed += wrong.length;
    totals.skipped += skipped;
  }
  console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals.failed === 0 && totals.passed > 0;
}

if (isContained()) {
  settleInside();
  process.exit((await runAll()) ? 0 : 1);
}
const missing = whatIsMissing();
if (missing !== null) {
  console.error(missing);
  process.exit(3);
}
process.exit(await runContained([...process.execArgv, ...process.argv.slice(1)]));
