import type { Command } from "commander";
import { readDuration, readNamespacedName } from "../agent/setting-values.ts";
import { uninstallAnnotation } from "../agent/uninstall.ts";
import type { ApiClient } from "../source/apiserver/client.ts";
import { systemClock } from "../system/clock.ts";
import { exitCodes, InputError, UsageError } from "./exit.ts";
import { flagValue } from "./flag-value.ts";
import { type ClusterFlags, openLiveCluster } from "./live-cluster.ts";
import { say, writeOut } from "./output.ts";
import { type AgentPod, giveSign, uninstallAgents } from "./uninstall-agents.ts";

interface UninstallOptions extends ClusterFlags {
  readonly namespace?: string;
  readonly serviceAccount: string;
  readonly selector: string;
  readonly timeout: string;
  readonly undo?: true;
}

function tell(what: string, pods: readonly AgentPod[]): void {
  for (const { name, node } of pods) say(`${what}: node ${node ?? "(none)"} (pod ${name})`);
}

async function uninstall(client: ApiClient, options: UninstallOptions): Promise<void> {
  const namespace = options.namespace ?? client.namespace;
  const serviceAccount = flagValue("--service-account", readNamespacedName(`${namespace}/${options.serviceAccount}`));
  const timeout = flagValue("--timeout", readDuration(options.timeout));
  const { signal } = new AbortController();
  if (options.undo === true) {
    await giveSign({ client, serviceAccount }, null, signal);
    return writeOut("the agents enforce again\n");
  }
  const parts = { client, serviceAccount, selector: options.selector, timeout, clock: systemClock };
  const { removed, enforcing, doubtful } = await uninstallAgents(parts, signal);
  await writeOut(`rules removed from ${removed.length} node${removed.length === 1 ? "" : "s"}\n`);
  if (enforcing.length + doubtful.length === 0) return;
  tell(`its agent has not removed the rules within ${options.timeout}`, enforcing);
  tell("its agent was not ready, or went away, and cannot tell whether rules are left", doubtful);
  say(`look there with \`portcullis cleanup\`; the annotation ${uninstallAnnotation} stays until --undo takes it away`);
  process.exitCode = exitCodes.no;
}

async function run(options: UninstallOptions): Promise<void> {
  const client = await openLiveCluster(options);
  try {
    await uninstall(client, options);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new InputError(`uninstall: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    client.close();
  }
}

/** `portcullis uninstall`: takes the rules off every node of a cluster; what the chart does before it is removed. */
export function registerUninstall(program: Command): void {
  program
    .command("uninstall")
    .description("have the agents of a cluster remove all rules from all nodes, and wait until they have")
    .option("-n, --namespace <name>", "where Portcullis is installed (default: of the context)")
    .option("--service-account <name>", "the agents' ServiceAccount, which is annotated", "portcullis")
    .option(
      "-l, --selector <labels>",
      "the agents' pods",
      "app.kubernetes.io/name=portcullis,app.kubernetes.io/component=agent",
    )
    .option("--timeout <duration>", "how long the agents may take", "3m")
    .option("--undo", "take the annotation away: the agents enforce again")
    .option("--kubeconfig <file>", "how to reach the cluster (default: as kubectl does, else as a pod of it)")
    .option("--context <name>", "context of the kubeconfig (default: its current one)")
    .action(run);
}
