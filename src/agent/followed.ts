import type { Log } from "../observe/log.ts";
import type { Sample } from "../observe/metrics.ts";
import type { PolicyReading } from "../policy/kinds.ts";
import { policyReading } from "../policy/reading.ts";
import type { ApiClient } from "../source/apiserver/client.ts";
import type { Source } from "../source/source.ts";
import type { Clock } from "../system/clock.ts";
import { countRequests } from "./api-requests.ts";
import type { AgentSettings } from "./settings.ts";

/** What the agent follows: a folder, or a cluster. */
export interface Followed {
  /** For the log. */
  readonly from: string;
  /** What the operator should look at when it cannot be read. */
  readonly remedy: string;
  /** A fresh source, each time. */
  readonly openSource: () => Source;
  /** Of the cluster that is followed; null: a folder is. */
  readonly client: ApiClient | null;
  /** What was asked of its API server, by method and code. */
  readonly requests: () => readonly Sample[];
  close(): void;
}

export interface FollowedParts {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

async function followFolder(folder: string, reading: PolicyReading): Promise<Followed> {
  const { manifestFolder } = await import("../source/manifests/watch.ts");
  return {
    from: folder,
    remedy: "check that the folder given by -f is there and can be read",
    openSource: () => manifestFolder(folder, { reading }),
    client: null,
    requests: () => [],
    close: () => {},
  };
}

/** In a pod its service account counts; a kubeconfig only where it is named, or where this is no pod. */
async function followCluster(settings: AgentSettings, { version, clock, log }: FollowedParts): Promise<Followed> {
  const [{ clusterConfig }, { openCluster }, { apiServerSource }, { runProgram }] = await Promise.all([
    import("../source/apiserver/connect/choose.ts"),
    import("../source/apiserver/connect/open.ts"),
    import("../source/apiserver/apiserver.ts"),
    import("../system/program.ts"),
  ]);
  const { kubeconfig, context, nodeName, policyKinds, featureGates, dnsQueue, dnsService } = settings;
  const read = clusterConfig({ kubeconfig, context, environment: process.env, prefer: "in-cluster" });
  if (!read.ok) throw new Error(`nothing says how to reach the cluster (or give -f DIR): ${read.problems.join("; ")}`);
  const userAgent = `portcullis-agent/${version}`;
  const opened = openCluster(read.config, { run: runProgram, now: () => clock.now(), userAgent });
  const counted = countRequests(opened);
  const { client } = counted;
  return {
    from: client.server,
    remedy: "see whether the API server runs and this node reaches it; nothing else is to be done here",
    openSource: () =>
      apiServerSource(client, {
        nodeName,
        services: false,
        ...(dnsQueue === null ? {} : { dnsService }),
        closedUntilKnown: true,
        reading: policyReading(policyKinds, featureGates),
        clock,
        random: Math.random,
        log,
      }),
    client,
    requests: () => counted.samples(),
    close: () => client.close(),
  };
}

/** Prepares what the settings name, without asking it for anything yet. Only what is followed is loaded. */
export function openFollowed(settings: AgentSettings, parts: FollowedParts): Promise<Followed> {
  const { folder, policyKinds, featureGates } = settings;
  return folder === null
    ? followCluster(settings, parts)
    : followFolder(folder, policyReading(policyKinds, featureGates));
}
