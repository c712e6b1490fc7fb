import { setFlagsFromString } from "node:v8";
import packageJson from "../../package.json" with { type: "json" };
import { createCompiler } from "../compile/incremental.ts";
import { openDataplane } from "../dataplane/registry.ts";
import { createLog } from "../observe/log.ts";
import { manifestFolder } from "../source/manifests/watch.ts";
import { systemClock } from "../system/clock.ts";
import { dryRunDataplane } from "./dry-run.ts";
import { runAgent } from "./run.ts";
import type { AgentSettings } from "./settings.ts";

/**
 * A daemon that mostly waits needs no large young generation: smaller ones cost a few more collections in a burst
 * and spare tens of megabytes at rest.
 */
function spareMemory(): void {
  setFlagsFromString("--max-semi-space-size=2");
}

/** A full disk or a closed pipe under the log is no reason to stop enforcing. */
function writeLog(line: string): void {
  try {
    process.stderr.write(line);
  } catch {
    // Nowhere to tell it.
  }
}

/** Runs the agent with the parts of this system. Rejects if it cannot have the address that it is to listen on. */
export async function startAgent(settings: AgentSettings, folder: string, stop: AbortSignal): Promise<void> {
  spareMemory();
  process.stderr.on("error", () => {});
  const clock = systemClock;
  const log = createLog({
    format: settings.logFormat,
    level: settings.verbose ? "debug" : "info",
    write: writeLog,
    now: Date.now,
  });
  const { nodeName, podCidrs, unknownPods, established, defaultVerdict, netns, ctMarkMask } = settings;
  const real = openDataplane(settings.dataplane, { netns, ctMarkMask, clock });
  log.info("starting", {
    version: packageJson.version,
    node: nodeName,
    folder,
    dataplane: real.name,
    netns,
    dry_run: settings.dryRun,
  });
  await runAgent(
    {
      openSource: () => manifestFolder(folder),
      createCompiler: () => createCompiler({ nodeName, podCidrs, unknownPods, established, defaultVerdict }),
      dataplane: settings.dryRun ? dryRunDataplane(real, log) : real,
      clock,
      random: Math.random,
      log,
      bind: settings.bind,
      syncPeriod: settings.syncPeriod,
      audit: settings.audit,
      build: { version: packageJson.version, dataplane: real.name, node: nodeName },
    },
    stop,
  );
}
