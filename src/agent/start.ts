import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import packageJson from "../../package.json" with { type: "json" };
import { createCompiler } from "../compile/incremental.ts";
import type { NamesOptions } from "../compile/options.ts";
import { openDataplane } from "../dataplane/registry.ts";
import { createLog } from "../observe/log.ts";
import { systemClock } from "../system/clock.ts";
import { dryRunDataplane } from "./dry-run.ts";
import { openFollowed } from "./followed.ts";
import { createLearned } from "./learned.ts";
import { createNodeMemory, rememberedLearned, rememberingDataplane } from "./node-memory.ts";
import type { NameSettings } from "./names/learning.ts";
import { type AgentParts, runAgent } from "./run.ts";
import type { AgentSettings } from "./settings.ts";

/**
 * Gives back what reading and compiling the whole input has left behind: V8 alone would keep it for hours, since a
 * daemon that waits allocates nothing. Takes tens of milliseconds; done once, after the start (measured: 15-20 MB of
 * 105 with 1,000 pods).
 */
function tidyMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect({ type: "major", flavor: "last-resort", execution: "sync" });
}

/** A full disk or a closed pipe under the log is no reason to stop enforcing. */
function writeLog(line: string): void {
  try {
    process.stderr.write(line);
  } catch {
    // Nowhere to tell it.
  }
}

/** Who answers what names mean; null: names are not learned. */
function namesOf({ dnsQueue, dnsService, dnsResolvers }: AgentSettings): NamesOptions | null {
  return dnsQueue === null ? null : { queue: dnsQueue, service: dnsService, resolvers: dnsResolvers };
}

function nameSettingsOf({ dnsQueue, dnsMinTtl, dnsMaxTtl, dnsGrace, netns }: AgentSettings): NameSettings | null {
  if (dnsQueue === null) return null;
  return { netns, queue: dnsQueue, minTtl: dnsMinTtl, maxTtl: dnsMaxTtl, grace: dnsGrace };
}

/**
 * Runs the agent with the parts of this system. Rejects if it cannot have the address that it is to listen on, or if
 * nothing says how to reach the cluster.
 */
export async function startAgent(settings: AgentSettings, stop: AbortSignal): Promise<void> {
  process.stderr.on("error", () => {});
  const clock = systemClock;
  const log = createLog({
    format: settings.logFormat,
    level: settings.verbose ? "debug" : "info",
    write: writeLog,
    now: Date.now,
  });
  const { nodeName, podCidrs, unknownPods, established, defaultVerdict, netns, ctMarkMask } = settings;
  const followed = await openFollowed(settings, { version: packageJson.version, clock, log });
  const real = openDataplane(settings.dataplane, { netns, ctMarkMask, clock });
  const { stateFile } = settings;
  const learned = createLearned(
    () => clock.now(),
    stateFile === null ? new Map() : rememberedLearned(stateFile, nodeName),
  );
  const memory =
    stateFile === null || settings.dryRun
      ? null
      : createNodeMemory(stateFile, { dataplane: real.name, ctMarkMask, learned: learned.entries }, log);
  const { client } = followed;
  const serviceAccount = settings.dryRun ? null : settings.uninstallFrom;
  const uninstall =
    client === null || serviceAccount === null ? null : { client, serviceAccount, forget: () => memory?.forget() };
  const enforcing = memory === null ? real : rememberingDataplane(real, memory);
  const dataplane = settings.dryRun ? dryRunDataplane(real, log) : enforcing;
  log.info("starting", {
    version: packageJson.version,
    node: nodeName,
    follows: followed.from,
    dataplane: real.name,
    netns,
    dry_run: settings.dryRun,
    exempt_namespaces: settings.exemptNamespaces,
  });
  const parts: AgentParts = {
    openSource: followed.openSource,
    cluster: client === null ? null : { client: settings.dryRun ? null : client, requests: followed.requests },
    sourceRemedy: followed.remedy,
    createCompiler: () =>
      createCompiler({
        nodeName,
        podCidrs,
        unknownPods,
        established,
        defaultVerdict,
        logGroup: settings.dropLogGroup,
        exemptNamespaces: new Set(settings.exemptNamespaces),
        learned: new Set(learned.entries().keys()),
        names: namesOf(settings),
      }),
    learned,
    dataplane,
    clock,
    random: Math.random,
    tidy: tidyMemory,
    log,
    bind: settings.bind,
    socket: settings.socket,
    dropLog: settings.dropLogGroup === null || settings.dryRun ? null : { netns, group: settings.dropLogGroup },
    nameSettings: nameSettingsOf(settings),
    syncPeriod: settings.syncPeriod,
    audit: settings.audit,
    exemptNamespaces: settings.exemptNamespaces,
    ...(uninstall === null ? {} : { uninstall }),
    build: { version: packageJson.version, dataplane: real.name, node: nodeName },
  };
  try {
    await runAgent(parts, stop);
  } finally {
    // Its connections would keep the process alive.
    followed.close();
  }
}
