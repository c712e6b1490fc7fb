import { type Command, InvalidArgumentError, Option } from "commander";
import { type FlowFilter, flowVerdicts } from "../observe/flow-filter.ts";
import { type Flow, type FlowsLost, flowLine } from "../observe/flow.ts";
import { printable } from "../observe/printable.ts";
import { systemClock } from "../system/clock.ts";
import { type ClusterOptions, observeCluster } from "./observe-cluster.ts";
import { InputError, UsageError, exitCodes } from "./exit.ts";
import { flowsOfSocket } from "./flow-stream.ts";
import { createFlowTable, explainCommand } from "./flow-text.ts";
import { say, writeOut } from "./output.ts";

interface ObserveOptions extends ClusterOptions {
  readonly namespace?: string;
  readonly pod?: string;
  readonly verdict?: Flow["verdict"];
  readonly direction?: "ingress" | "egress";
  readonly output: "text" | "json";
  readonly limit?: number;
  readonly socket?: string;
  readonly allNodes?: true;
  readonly untilEof?: true;
}

export const usualSocket = "/run/portcullis/agent.sock";
/** An agent that is being restarted is back within seconds. */
const retryAfter = 1000;
const endPatience = 3000;

function filterOf({ namespace, pod, verdict, direction }: ObserveOptions): FlowFilter {
  const slash = pod?.indexOf("/") ?? -1;
  const podNamespace = slash < 0 ? undefined : pod?.slice(0, slash);
  if (podNamespace !== undefined && namespace !== undefined && namespace !== podNamespace) {
    throw new UsageError(`--pod names a pod of ${printable(podNamespace, 100)}, --namespace another one`);
  }
  return {
    namespace: podNamespace ?? namespace ?? null,
    pod: pod?.slice(slash + 1) ?? null,
    verdict: verdict ?? null,
    direction: direction ?? null,
  };
}

/** `kubectl portcullis …` is this program under the name kubectl-portcullis: who types it is not on the node. */
export const isCalledByKubectl = (): boolean =>
  [process.argv0, process.argv[1] ?? ""].some((path) => /(^|\/)kubectl-portcullis$/.test(path));

function asksCluster(options: ObserveOptions): boolean {
  const { allNodes, kubeconfig, context, agentNamespace, node } = options;
  const isTold = [allNodes, kubeconfig, context, agentNamespace, node].some((option) => option !== undefined);
  if (options.socket === undefined) return isTold || isCalledByKubectl();
  if (isTold) throw new UsageError("--socket asks the agent of this node; the flags for the cluster do not go with it");
  return false;
}

/** Aborts on a signal; with `--until-eof` also when nobody holds the other end of our input any more. */
function stopSignal({ untilEof }: ObserveOptions): AbortController {
  const stop = new AbortController();
  const end = (): void => {
    if (stop.signal.aborted) process.exit(exitCodes.yes);
    stop.abort();
    // Whoever reads our output may have stopped to.
    setTimeout(() => process.exit(exitCodes.yes), endPatience).unref();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  if (untilEof === true) {
    process.stdin.once("close", () => stop.abort());
    process.stdin.once("end", () => stop.abort());
    process.stdin.on("error", () => stop.abort());
    process.stdin.resume();
  }
  return stop;
}

/** Prints flows until there are as many as were asked for. */
function createPrinter(options: ObserveOptions, showNode: boolean, stop: AbortController) {
  const textOf = createFlowTable(showNode);
  let left = options.limit ?? Infinity;
  let denied: Flow | null = null;
  return {
    print: async (it: Flow | FlowsLost): Promise<void> => {
      if (it.kind === "FlowsLost") {
        say(`${it.count} flows of ${it.node} are missing here: they came faster than they were read`);
        return;
      }
      if (left <= 0) return;
      left -= 1;
      if (it.verdict === "denied") denied = it;
      await writeOut(options.output === "json" ? flowLine(it) : textOf(it));
      if (left <= 0) stop.abort();
    },
    /** How to ask more about what was shown last. */
    hint: (): void => {
      const command = denied === null ? null : explainCommand("kubectl portcullis", denied);
      if (options.output === "text" && command !== null) say(`why, at length: ${command}`);
    },
  };
}

async function observeNode(
  socket: string,
  filter: FlowFilter,
  print: (it: Flow | FlowsLost) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  let wasThere = false;
  let isThere = false;
  const opened = (): void => {
    if (wasThere) say("the agent is back");
    wasThere = true;
    isThere = true;
  };
  while (!stop.aborted) {
    try {
      for await (const flow of flowsOfSocket(socket, filter, opened, stop)) await print(flow);
    } catch (error) {
      if (stop.aborted) return;
      if (!wasThere || !(error instanceof InputError)) throw error;
    }
    if (stop.aborted) return;
    if (isThere) say("the agent has ended; waiting for the next one");
    isThere = false;
    await systemClock.sleep(retryAfter, stop);
  }
}

async function run(options: ObserveOptions): Promise<void> {
  const filter = filterOf(options);
  const isCluster = asksCluster(options);
  const stop = stopSignal(options);
  const { print, hint } = createPrinter(options, isCluster, stop);
  if (process.stderr.isTTY) say("what is denied from now on (Ctrl-C ends):");
  try {
    if (isCluster) await observeCluster(options, filter, print, stop.signal);
    else await observeNode(options.socket ?? usualSocket, filter, print, stop.signal);
    hint();
  } finally {
    process.stdin.pause();
  }
}

function readCount(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError("It is no number of flows.");
  return Number(text);
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `portcullis observe`: what is denied, as it happens. */
export function registerObserve(program: Command): void {
  program
    .command("observe")
    .description("show denied connections as they happen, on this node or (kubectl portcullis observe) on all nodes")
    .option("-n, --namespace <name>", "only with an end in this namespace")
    .option("--pod <name>", "only with this pod as an end: NAME or NAMESPACE/NAME")
    .addOption(new Option("--verdict <verdict>", "only these").choices(flowVerdicts))
    .addOption(new Option("--direction <direction>", "only these").choices(["ingress", "egress"]))
    .addOption(new Option("-o, --output <format>", "how to print it").choices(["text", "json"]).default("text"))
    .option("--limit <number>", "end after so many", readCount)
    .option("--socket <path>", `where this node's agent listens (default ${usualSocket})`)
    .option("--until-eof", "end when stdin does")
    .option("--all-nodes", "ask the agents of the cluster, as kubectl portcullis observe does")
    .option("--node <name>", "of the cluster, only this node's agent; repeatable", collect)
    .option("-N, --agent-namespace <name>", "where the agents run (default: found by their labels)")
    .option("--kubeconfig <path>", "handed on to kubectl")
    .option("--context <name>", "handed on to kubectl")
    .action(run);
}
