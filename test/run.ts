/**
 * `npm test`: the checks, then the suites. Checks that only read the tree run first, since they are quick to fail.
 * Suites that send packets run one file at a time: two at once would measure each other.
 * The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { type Totals, runFiles, totalsText } from "./run-files.ts";

const root = join(import.meta.dirname, "..");
const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
const binary = (name: string): string => join(root, "node_modules", ".bin", name);

interface Check {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const checks: readonly Check[] = [
  { name: "types", program: "tsc", args: ["-p", "tsconfig.json"] },
  { name: "lint", program: "oxlint", args: ["--type-aware", "--deny-warnings"] },
  { name: "format", program: "oxfmt", args: ["--check"] },
  { name: "unused code", program: "knip", args: [] },
];

/** Folders below test/ whose suites use the kernel; all other test files are free of it. */
const kernelSuites = [
  "contract",
  "lab",
  "differential",
  "faults",
  "system",
  "demo",
  "neighbours",
  "observe",
  "upgrade",
  "names",
];

async function runCheck(check: Check): Promise<void> {
  const started = performance.now();
  const child = spawn(binary(check.program), check.args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("close", (exit) => resolve(exit ?? 128));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code === 0) totals.passed += 1;
  else {
    totals.failed += 1;
    process.stdout.write(Buffer.concat(output));
  }
  console.log(`${code === 0 ? "ok  " : "FAIL"} check: ${check.name} (${seconds} s)`);
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  // Those of test/apiserver need a real API server, those of test/packaging what is shipped: `npm run test:apiserver`
  // and `npm run test:packaging` run them.
  const exclude = ["test/apiserver/**", "test/packaging/**"];
  const all = globSync("{src,test,examples}/**/*.test.ts", { cwd: root, exclude }).sort();
  const files = wanted.length === 0 ? all : all.filter((file) => wanted.some((text) => file.includes(text)));
  const usesKernel = (file: string) =>
    kernelSuites.some((suite) => file.startsWith(`test/${suite}/`)) ||
    /^src\/(system|dataplane|lab|agent)\//.test(file);
  const absolute = (file: string) => join(root, file);
  if (wanted.length === 0) for (const check of checks) await runCheck(check);
  await runFiles(files.filter((file) => !usesKernel(file)).map(absolute), totals, { concurrency: 2 });
  await runFiles(files.filter(usesKernel).map(absolute), totals, { concurrency: 1 });
  console.log(totalsText(totals));
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

await main();
