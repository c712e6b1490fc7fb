import { existsSync } from "node:fs";
import { join } from "node:path";
import { isSea } from "node:sea";

/**
 * How this program is started once more: from its sources, as what a package or an image holds, or as one executable,
 * which takes no script before its arguments.
 */
export function ownCommand(): readonly [program: string, ...before: string[]] {
  const source = join(import.meta.dirname, "..", "cli", "main.ts");
  if (existsSync(source)) return [process.execPath, "--no-warnings", source];
  return isSea() ? [process.execPath] : [process.execPath, process.argv[1] ?? ""];
}

/** What this very command line gave to Node, to start it once more. */
export function sameArguments(): readonly string[] {
  return [...process.execArgv, ...process.argv.slice(isSea() ? 2 : 1)];
}
