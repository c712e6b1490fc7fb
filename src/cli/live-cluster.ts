import type { Command } from "commander";
import type { Pod } from "../kube/objects.ts";
import { printable } from "../observe/printable.ts";
import type { PolicyReading } from "../policy/kinds.ts";
import type { ApiClient } from "../source/apiserver/client.ts";
import type { ManifestRead } from "../source/manifests/read.ts";
import { InputError } from "./exit.ts";

/** The flags that say which cluster. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export function addClusterOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "without -f: how to reach the cluster (default: as kubectl finds it)")
    .option("--context <name>", "without -f: context of the kubeconfig (default: its current one)");
}

/**
 * The cluster that the flags mean, as kubectl would find it. Throws InputError with all that is wrong, which begins with
 * why a cluster is wanted at all.
 */
export async function openLiveCluster({ kubeconfig, context }: ClusterFlags, why = ""): Promise<ApiClient> {
  const [{ clusterConfig }, { openCluster }, { runProgram }] = await Promise.all([
    import("../source/apiserver/connect/choose.ts"),
    import("../source/apiserver/connect/open.ts"),
    import("../system/program.ts"),
  ]);
  const options = { kubeconfig: kubeconfig ?? null, context: context ?? null, environment: process.env };
  const read = clusterConfig(options);
  if (!read.ok) {
    const problems = read.problems.map((problem) => `\n  ${printable(problem, 1000)}`).join("");
    throw new InputError(`${why}nothing says how to reach a cluster:${problems}`);
  }
  return openCluster(read.config, { run: runProgram, now: Date.now, interactive: process.stdin.isTTY });
}

/** Reads all that counts from a running cluster, once. Throws InputError where it does not answer or lets us not read. */
export async function readLiveCluster(flags: ClusterFlags, reading: PolicyReading): Promise<ManifestRead> {
  const client = await openLiveCluster(flags, "no -f is given, and ");
  const [{ readCluster }, { ApiUnreachable }, { workloadsOfPods }, { systemClock }] = await Promise.all([
    import("../source/apiserver/read-cluster.ts"),
    import("../source/apiserver/client.ts"),
    import("../source/apiserver/workloads-of-pods.ts"),
    import("../system/clock.ts"),
  ]);
  try {
    const snapshot = await readCluster(client, { clock: systemClock, random: Math.random, reading });
    if (!snapshot.complete) {
      const reasons = snapshot.findings.map(({ object, message }) => `\n  ${printable(`${object}: ${message}`, 1000)}`);
      throw new InputError(
        `${client.server}: not all that counts can be read, so no answer would be sure:${reasons.join("")}`,
      );
    }
    const pods = snapshot.cluster.objects.filter((one): one is Pod => one.kind === "Pod");
    return { ...snapshot, workloads: workloadsOfPods(pods), unreadable: [] };
  } catch (error) {
    if (error instanceof ApiUnreachable) throw new InputError(`the cluster cannot be read: ${error.message}`);
    throw error;
  } finally {
    client.close();
  }
}
