/**
 * `npm run test:apiserver`: the suites that need a real API server. Builds its programs if they are not there (minutes,
 * once), then runs the files of this folder one after the other in a private tree of namespaces, which takes with it
 * whatever they leave. `-- TEXT` runs only files whose path contains TEXT. What is missing on this machine is printed, and
 * every test skipped; the last line is `N passed, N failed, N skipped`.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { isContained, runContained, settleInside, whatIsMissing } from "../../src/lab/contain.ts";
import { outputOf } from "../../src/system/program.ts";
import { type Totals, runFiles, totalsText } from "../run-files.ts";
import { missingVariable } from "./available.ts";
import { buildPrograms } from "./binaries/build.ts";

const root = join(import.meta.dirname, "..", "..");

async function runSuites(): Promise<boolean> {
  settleInside();
  outputOf("ip", ["link", "set", "lo", "up"]);
  const wanted = process.argv.slice(2);
  const all = globSync("test/apiserver/**/*.test.ts", { cwd: root }).sort();
  const files = wanted.length === 0 ? all : all.filter((file) => wanted.some((text) => file.includes(text)));
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  const absolute = files.map((file) => join(root, file));
  await runFiles(absolute, totals, { concurrency: 1, timeout: 900_000 });
  console.log(totalsText(totals));
  return totals.failed === 0 && totals.passed + totals.skipped > 0;
}

async function main(): Promise<number> {
  if (isContained()) return (await runSuites()) ? 0 : 1;
  const namespaces = whatIsMissing();
  const missing = [...(namespaces === null ? [] : [namespaces]), ...buildPrograms()];
  for (const line of missing) console.error(`SKIPPED, all of it: ${line}`);
  process.env[missingVariable] = missing.join("; ");
  if (namespaces === null) return await runContained([...process.execArgv, ...process.argv.slice(1)]);
  return 0;
}

process.exit(await main());
