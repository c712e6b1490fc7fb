import type { Compiler } from "../compile/incremental.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Address } from "../net/address.ts";
import type { Log } from "../observe/log.ts";
import type { Sample } from "../observe/metrics.ts";
import type { ApiClient } from "../source/apiserver/client.ts";
import type { Source, SourceHealth } from "../source/source.ts";
import type { Clock } from "../system/clock.ts";
import type { BindAddress, UnixAddress } from "./bind-address.ts";
import { type Enforcer, createEnforcer } from "./enforcer.ts";
import { problemsOf } from "./events/problems.ts";
import { reportProblems } from "./events/reporter.ts";
import { createExposition } from "./exposition.ts";
import { describeFailure, effectOf } from "./failures.ts";
import { followSource } from "./follow.ts";
import { createKernelCounters } from "./kernel-counters.ts";
import { serveLocally } from "./local-server.ts";
import type { Learned } from "./learned.ts";
import { createAgentMetrics } from "./metrics.ts";
import { type NameLearning, type NameSettings, createNameLearning } from "./names/learning.ts";
import { createObserver } from "./observing/observe.ts";
import { flowsRoute } from "./observing/route.ts";
import { publicRoutes } from "./routes.ts";
import { startServer } from "./server.ts";
import { createSight } from "./sight.ts";
import { createReport, statusRoute } from "./status/report.ts";
import { type UninstallParts, followUninstall, uninstalledReason } from "./uninstall.ts";

interface Cluster {
  /** Policies' owners are told by it what is wrong with them; null: they are not. */
  readonly client: ApiClient | null;
  /** What was asked of it, by method and code. */
  readonly requests: () => readonly Sample[];
}

export interface AgentParts {
  readonly openSource: () => Source;
  /** What the operator should look at when the source cannot be followed. */
  readonly sourceRemedy?: string;
  /** The API server that is followed; absent or null: there is none. */
  readonly cluster?: Cluster | null;
  readonly createCompiler: () => Compiler;
  /** What the compilers learned beside the node's ranges; absent: they do not. */
  readonly learned?: Learned;
  readonly dataplane: Dataplane;
  readonly clock: Clock;
  /** [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly log: Log;
  readonly bind: BindAddress;
  /** Where the commands on this node ask; absent or null: nowhere. */
  readonly socket?: UnixAddress | null;
  /** Where the kernel reports denied connections; absent or null: they are not told of. */
  readonly dropLog?: { readonly netns: string | null; readonly group: number } | null;
  /** How names are learned; absent or null: they are not. */
  readonly nameSettings?: NameSettings | null;
  /** Milliseconds between checks of the kernel. */
  readonly syncPeriod: number;
  readonly audit: boolean;
  /** For the status; the compiler knows them itself. */
  readonly exemptNamespaces?: readonly string[];
  /** Where the cluster says that the rules are to be removed; absent: nowhere. */
  readonly uninstall?: Pick<UninstallParts, "client" | "serviceAccount" | "forget">;
  /** Called once, soon after the first input is enforced: gives back memory that only the start needed. */
  readonly tidy?: () => void;
  /** Labels of `portcullis_build_info`. */
  readonly build: Readonly<Record<string, string>>;
}

/** An operation on the kernel that takes longer than this does not come back: the agent should be restarted. */
const stuckAfter = 120_000;

async function tellCapabilities(dataplane: Dataplane, log: Log): Promise<void> {
  try {
    const { kernel, missing } = await dataplane.probe();
    log.info("kernel", { dataplane: dataplane.name, kernel });
    for (const { feature, effect, remedy } of missing) log.warn(`this kernel lacks ${feature}`, { effect, do: remedy });
  } catch (error) {
    const { error: what, detail, remedy } = describeFailure(error);
    log.error("the kernel cannot be asked what it can do", {
      error: what,
      detail,
      effect: effectOf("probe"),
      do: remedy,
    });
  }
}

const resourceVersionsOf = (health: SourceHealth | null): ReadonlyMap<string, string> =>
  new Map(health?.resources.map(({ resource, resourceVersion }) => [resource, resourceVersion]));

/** What a report is headed with. */
const named = ({ build, dataplane }: AgentParts) => ({
  node: build["node"] ?? "",
  version: build["version"] ?? "",
  dataplane: dataplane.name,
  layout: dataplane.layout ?? null,
});

/** A node has about so many pods. */
const podsOfNode = 30;

function tellOwners(client: ApiClient, enforcer: Enforcer, parts: AgentParts, stop: AbortSignal): Promise<void> {
  const { node } = named(parts);
  const problems = () =>
    problemsOf({
      findings: enforcer.findings(),
      unsupported: enforcer.unsupported(),
      entry: (id) => enforcer.ledger.entry(id),
    });
  // Only its own Node is known to an agent, but all pods are.
  const nodes = () => Math.ceil((enforcer.counts()["Pod"] ?? 0) / podsOfNode);
  return reportProblems({ ...parts, client, node, problems, nodes }, stop);
}

/** Null: the operator or the dataplane has no use for it. */
function openNameLearning(parts: AgentParts, podAt: (address: Address) => string | null): NameLearning | null {
  const { nameSettings = null, dataplane, clock, log } = parts;
  if (nameSettings === null || dataplane.names === undefined) return null;
  return createNameLearning({ ...nameSettings, names: dataplane.names, clock, log, podAt });
}

/** So long after the start is over, nothing is likely to be waiting for what the tidying holds up. */
const tidyAfter = 2000;

/** The API server gives an agent its own Node only: one that is misspelt has no pods, and enforces nothing. */
async function warnOfUnknownNode(enforcer: Enforcer, parts: AgentParts, stop: AbortSignal): Promise<void> {
  const { clock, log, cluster = null } = parts;
  while (!stop.aborted && enforcer.standing().digest === null) await clock.sleep(tidyAfter, stop);
  if (stop.aborted || cluster === null || enforcer.counts()["Node"] !== 0) return;
  log.warn("the cluster has no Node of this agent's name: as far as it knows no pods run here", {
    node: named(parts).node,
    do: "see that --node-name (NODE_NAME) is the name of the Node as `kubectl get nodes` prints it",
  });
}

async function tidyOnce(enforcer: Enforcer, { tidy, clock }: AgentParts, stop: AbortSignal): Promise<void> {
  if (tidy === undefined) return;
  while (!stop.aborted && enforcer.standing().digest === null) await clock.sleep(tidyAfter, stop);
  await clock.sleep(tidyAfter, stop);
  if (!stop.aborted) tidy();
}

/**
 * Runs the agent until the signal aborts; then finishes the running transaction and leaves the rules in force.
 * Rejects only if the HTTP server cannot have its address.
 */
export async function runAgent(parts: AgentParts, stop: AbortSignal): Promise<void> {
  const { dataplane, log, clock, socket = null, dropLog = null, cluster = null } = parts;
  const metrics = createAgentMetrics();
  const sight = createSight(parts);
  const names = openNameLearning(parts, (address) => enforcer.podAt(address));
  const resourceVersions = () => resourceVersionsOf(sight.health());
  const enforcer: Enforcer = createEnforcer({ ...parts, metrics, resourceVersions, names: names ?? undefined });
  const counters = createKernelCounters({ enforcer, dataplane, clock });
  const report = createReport({ ...parts, ...named(parts), enforcer, sight, counters, names });
  const { node } = named(parts);
  const knows = { ruleset: () => enforcer.ruleset(), podAt: (address: Address) => enforcer.podAt(address) };
  const observer = dropLog && createObserver({ ...parts, ...dropLog, ...knows, node });
  const { registry } = metrics;
  const routes = publicRoutes({
    standing: () => enforcer.standing(),
    degraded: () => sight.degraded(),
    illness: () => (enforcer.busyFor() > stuckAfter ? "an operation on the kernel does not come back" : null),
    metrics: createExposition({ ...parts, ...report, registry, enforcer, sight, counters, observer, names }),
  });
  const local = { ...routes, "/v1/status": statusRoute(report, counters), "/v1/flows": flowsRoute(observer) };
  const server = await startServer(parts.bind, routes);
  log.info("listening", { address: server.address });
  await tellCapabilities(dataplane, log);
  observer?.start();
  try {
    await Promise.all([
      enforcer.run(stop),
      followSource({ ...parts, enforcer, metrics, sight }, stop),
      sight.watch(stop),
      counters.sample(stop),
      socket === null ? null : serveLocally({ socket, routes: local, clock, log }, stop),
      cluster?.client && tellOwners(cluster.client, enforcer, parts, stop),
      tidyOnce(enforcer, parts, stop),
      warnOfUnknownNode(enforcer, parts, stop),
      parts.uninstall && followUninstall({ ...parts, ...parts.uninstall, enforcer }, stop),
    ]);
  } finally {
    observer?.stop();
    await names?.stop();
    await server.close();
    dataplane.close();
  }
  const isUninstalled = enforcer.standing().reason === uninstalledReason;
  log.info(isUninstalled ? "stopped; there are no rules" : "stopped; the rules stay in force");
}
