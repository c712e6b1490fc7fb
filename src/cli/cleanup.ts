import type { Command } from "commander";
import { existsSync, rmSync } from "node:fs";
import { defaultStateFile } from "../agent/node-state.ts";
import type { AgentSettings } from "../agent/settings.ts";
import { InputError, UsageError } from "./exit.ts";
import { say, writeOut } from "./output.ts";

interface CleanupOptions {
  readonly dataplane?: string;
  readonly netns?: string;
  readonly stateFile: string;
}

/** Or the next boot would close a node that no agent opens again. A namespace of its own has no boot. */
async function forgetNode(options: CleanupOptions): Promise<boolean> {
  if (options.netns !== undefined || !existsSync(options.stateFile)) return false;
  try {
    rmSync(options.stateFile);
  } catch (error) {
    throw new InputError(`--state-file: ${error instanceof Error ? error.message : String(error)}`);
  }
  await writeOut(`removed ${options.stateFile}\n`);
  return true;
}

async function run(options: CleanupOptions): Promise<void> {
  const { dataplaneNames, openDataplane } = await import("../dataplane/registry.ts");
  const { readNetns } = await import("../agent/setting-values.ts");
  const { describeFailure } = await import("../agent/failures.ts");
  if (options.dataplane !== undefined && !dataplaneNames.includes(options.dataplane)) {
    throw new UsageError(`--dataplane: there are ${dataplaneNames.join(", ")}`);
  }
  const netns: AgentSettings["netns"] = options.netns ?? null;
  const read = netns === null ? null : readNetns(netns);
  if (read?.ok === false) throw new UsageError(`--netns: ${read.reason}`);
  const names = options.dataplane === undefined ? dataplaneNames : [options.dataplane];
  let removed = 0;
  for (const name of names) {
    const dataplane = openDataplane(name, { netns });
    try {
      const lines = await dataplane.remove();
      for (const line of lines) await writeOut(`removed ${line}\n`);
      removed += lines.length;
    } catch (error) {
      const { error: what, remedy } = describeFailure(error);
      throw new InputError(`cleanup of ${name}: ${what}: ${remedy}`);
    } finally {
      dataplane.close();
    }
  }
  const forgot = await forgetNode(options);
  if (removed === 0 && !forgot) say("there is nothing of Portcullis in this kernel");
}

/** `portcullis cleanup`: takes everything of ours out of a kernel. */
export function registerCleanup(program: Command): void {
  program
    .command("cleanup")
    .description("remove everything that Portcullis ever put into this kernel, and nothing else")
    .option("--dataplane <name>", "only what this dataplane put there (default: all)")
    .option("--state-file <path>", "what the agent wrote down for the next boot, removed too", defaultStateFile)
    .option("--netns <name>", "of this network namespace: a name, or a path to it")
    .action(run);
}
