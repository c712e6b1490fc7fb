/**
 * `npm test`: the checks, then the suites. Checks that only read the tree run first, since they are quick to fail.
 * Suites that send packets run one file at a time: two at once would measure each other.
 * The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";

const root = join(import.meta.dirname, "..");
const totals = { passed: 0, failed: 0, skipped: 0 };
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
const kernelSuites = ["contract", "lab", "differential", "faults", "system", "demo"];

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

function indent(text: string): string {
  return text.replaceAll(/^/gm, "      ");
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.stack ?? cause.message;
}

async function runFiles(files: readonly string[], concurrency: number): Promise<void> {
  if (files.length === 0) return;
  const events = run({ files: [...files], concurrency, timeout: 240_000, execArgv: ["--no-warnings"] });
  const perFile = new Map<string, { passed: number; failed: number; skipped: number; ms: number }>();
  const tally = (file: string | undefined) => {
    const key = (file ?? "?").replace(`${root}/`, "");
    const entry = perFile.get(key) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
    perFile.set(key, entry);
    return entry;
  };
  for await (const event of events) {
    if (event.type === "test:stdout" || event.type === "test:stderr") {
      process.stdout.write(event.data.message);
      continue;
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { data } = event;
    const entry = tally(data.file);
    if (data.nesting === 0) entry.ms += data.details.duration_ms;
    // A suite, and a file that stands for its tests, is not counted; one that fails by itself (a hook, a crash) is.
    const error = data.details as { error?: { failureType?: string } };
    const failsByItself = event.type === "test:fail" && error.error?.failureType !== "subtestsFailed";
    if (data.details.type === "suite" && !failsByItself) continue;
    if (event.type === "test:fail") {
      if (!failsByItself) continue;
      entry.failed += 1;
      const cause: unknown = error.error;
      console.log(`FAIL ${data.file?.replace(`${root}/`, "")}: ${data.name}\n${indent(describeError(cause))}`);
    } else if (data.skip !== undefined && data.skip !== false) {
      entry.skipped += 1;
      console.log(`skip ${data.name}: ${String(data.skip)}`);
    } else entry.passed += 1;
  }
  for (const [file, entry] of perFile) {
    totals.passed += entry.passed;
    totals.failed += entry.failed;
    totals.skipped += entry.skipped;
    const mark = entry.failed > 0 ? "FAIL" : "ok  ";
    console.log(
      `${mark} ${file}: ${entry.passed} passed, ${entry.failed} failed, ${entry.skipped} skipped (${(entry.ms / 1000).toFixed(1)} s)`,
    );
  }
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const all = globSync("{src,test}/**/*.test.ts", { cwd: root }).sort();
  const files = wanted.length === 0 ? all : all.filter((file) => wanted.some((text) => file.includes(text)));
  const usesKernel = (file: string) =>
    kernelSuites.some((suite) => file.startsWith(`test/${suite}/`)) ||
    /^src\/(system|dataplane|lab|agent)\//.test(file);
  const absolute = (file: string) => join(root, file);
  if (wanted.length === 0) for (const check of checks) await runCheck(check);
  await runFiles(files.filter((file) => !usesKernel(file)).map(absolute), 2);
  await runFiles(files.filter(usesKernel).map(absolute), 1);
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

await main();
