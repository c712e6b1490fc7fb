import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { ConfigRead, Environment } from "./config.ts";
import { inCluster, isInCluster } from "./in-cluster.ts";
import { readKubeconfig } from "./kubeconfig.ts";

export interface ChooseOptions {
  /** The file of `--kubeconfig`; null: not given. */
  readonly kubeconfig: string | null;
  /** The name of `--context`; null: not given. */
  readonly context: string | null;
  readonly environment: Environment;
  /** In a pod, which of the two counts where no flag says it. A person's kubeconfig comes first, as with kubectl. */
  readonly prefer?: "kubeconfig" | "in-cluster";
}

/** How to reach the cluster that flags and environment name: by a kubeconfig, or as a pod of it. */
export function clusterConfig(options: ChooseOptions): ConfigRead {
  const { kubeconfig, context, environment, prefer = "kubeconfig" } = options;
  const named = kubeconfig !== null || context !== null;
  const inPod = !named && isInCluster(environment);
  if (inPod && prefer === "in-cluster") return inCluster(environment);
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const usual = join(environment["HOME"] || homedir(), ".kube", "config");
  const paths = kubeconfig !== null ? [kubeconfig] : listed.length > 0 ? listed : [usual];
  const read = readKubeconfig({ paths, mustExist: kubeconfig !== null, context, environment });
  if (read.kind === "nothing") return inPod ? inCluster(environment) : { ok: false, problems: read.problems };
  return read.kind === "config" ? { ok: true, config: read.config } : { ok: false, problems: read.problems };
}
