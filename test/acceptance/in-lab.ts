/**
 * The acceptance cases with real packets: `npm run acceptance:lab` (minutes), `-- --only TEXT` picks cases by suite and
 * id, `--topology bridged`. All cases of a file share one lab, so that each is a change to the one before. Prints a line
 * for each query whose packets do not end as the case says or as the evaluator does, and last `N passed, N failed, N
 * skipped`.
 */
import { globSync } from "node:fs";
import { parseArgs } from "node:util";
import { plainAgents } from "../../src/lab/agents.ts";
import { addressesIn, askKernel, type Asked } from "../../src/lab/ask.ts";
import { isContained, runContained, settleInside, whatIsMissing } from "../../src/lab/contain.ts";
import { Lab, randomLabName } from "../../src/lab/lab.ts";
import { inputOf } from "../../src/lab/standing-lab.ts";
import type { RawObject } from "../../src/lab/resolve/raw.ts";
import { askAtRest } from "../differential/ask-at-rest.ts";
import { casesOf, type AcceptanceCase } from "./cases.ts";

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, topology: { type: "string", default: "routed" } },
});

interface Counted {
  readonly passed: number;
  readonly wrong: readonly string[];
  readonly skipped: number;
}

/** Packets go to addresses: names with real DNS are asked in test/names. */
function isAboutName(query: { readonly to?: unknown } | undefined): boolean {
  return typeof query?.to === "string" && query.to.startsWith("dns/");
}

async function runCase(lab: Lab, one: AcceptanceCase): Promise<Counted> {
  await lab.bring(await inputOf(lab.options, one.objects as readonly RawObject[], addressesIn(one.queries)));
  const questions = one.queries.map((query) => lab.asker.ask(query));
  const asked = questions.filter((question): question is Asked => "probe" in question);
  const settled = await askAtRest(lab, await askKernel(asked, lab.prober));
  const outcomes = new Map(settled.map((outcome) => [outcome.id, outcome]));
  const wrong: string[] = [];
  let skipped = 0;
  for (const [index, { id }] of one.queries.entries()) {
    const expected = one.expect[index] ?? null;
    const { verdict: got = "no answer", evaluator = "no answer", reason = "" } = outcomes.get(id) ?? {};
    if (expected === null || isAboutName(one.queries[index])) skipped += 1;
    else if (got !== expected || evaluator !== expected) {
      const what = `expected ${expected}, got ${got} (${reason}), evaluator ${evaluator}`;
      wrong.push(`${one.id}: ${JSON.stringify(one.queries[index])}: ${what}`);
    }
  }
  return { passed: one.queries.length - wrong.length - skipped, wrong, skipped };
}

type Totals = Record<"passed" | "failed" | "skipped", number>;

async function runFile(file: string, totals: Totals): Promise<void> {
  const topology = values.topology === "bridged" ? "bridged" : "routed";
  const lab = new Lab({ name: randomLabName(), topology, flags: plainAgents, detached: false, enforce: true });
  for await (const one of casesOf(file)) {
    if (!`${one.suite} ${one.id}`.includes(values.only)) continue;
    const { passed, wrong, skipped } = await runCase(lab, one);
    for (const line of wrong) console.log(line);
    totals.passed += passed;
    totals.failed += wrong.length;
    totals.skipped += skipped;
  }
  lab.down();
}

async function runAll(): Promise<boolean> {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const file of globSync("*.jsonl", { cwd: import.meta.dirname }).toSorted()) {
    const [started, before] = [performance.now(), { ...totals }];
    await runFile(file, totals);
    const asked = totals.passed + totals.failed - before.passed - before.failed;
    console.log(`${file}: ${asked} verdicts in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
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
