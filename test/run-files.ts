/** Runs test files and prints what a person wants to see of them. */
import { join } from "node:path";
import { run } from "node:test";

const root = join(import.meta.dirname, "..");

/** Counts of all files so far. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** The last line of every run. */
export function totalsText({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "      ");
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.stack ?? cause.message;
}

/** Runs the files, tells what fails and what is skipped, and counts. */
export async function runFiles(
  files: readonly string[],
  totals: Totals,
  { concurrency, timeout = 240_000 }: { readonly concurrency: number; readonly timeout?: number },
): Promise<void> {
  if (files.length === 0) return;
  const events = run({ files: [...files], concurrency, timeout, execArgv: ["--no-warnings"] });
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
