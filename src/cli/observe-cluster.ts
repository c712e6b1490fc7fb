import type { FlowFilter } from "../observe/flow-filter.ts";
import type { Flow, FlowsLost } from "../observe/flow.ts";
import { printable } from "../observe/printable.ts";
import { systemClock } from "../system/clock.ts";
import { type AgentPod, type ClusterAccess, findAgents, followAgent } from "./agents-of-cluster.ts";
import { InputError } from "./exit.ts";
import { createFlowOrder } from "./flow-order.ts";
import { readFlowLine } from "./flow-stream.ts";
import { say } from "./output.ts";

/** Flags that say which cluster, and which of its nodes. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly agentNamespace?: string;
  readonly node?: readonly string[];
}

/** How the flags say that the cluster is reached. */
export function accessOf({ kubeconfig, context, agentNamespace }: ClusterOptions): ClusterAccess {
  return { kubeconfig: kubeconfig ?? null, context: context ?? null, agentNamespace: agentNamespace ?? null };
}

/** Each takes a kubectl of some 40 MB that holds a connection to the API server. */
const mostAgents = 100;
/** How long a flow waits for earlier ones of other nodes, in milliseconds; how many wait at most. */
const mergeWindow = 500;
const mostHeld = 10_000;
const mergeEvery = 100;
/** An agent that is gone is looked for again after so long: a rollout replaces them one by one. */
const lookAgainAfter = 3000;

function chosen(agents: readonly AgentPod[], nodes: readonly string[] | undefined): readonly AgentPod[] {
  const missing = (nodes ?? []).filter((node) => !agents.some((agent) => agent.node === node));
  if (missing.length > 0) throw new InputError(`no agent runs on ${printable(missing.join(", "))}`);
  const wanted = nodes === undefined ? agents : agents.filter(({ node }) => nodes.includes(node));
  if (wanted.length === 0) {
    throw new InputError("no agent runs in this cluster, as far as you may see; -N says in which namespace to look");
  }
  if (wanted.length > mostAgents) {
    throw new InputError(
      `${wanted.length} agents run, more than the ${mostAgents} that can be asked at once: choose with --node`,
    );
  }
  return wanted;
}

/** What the agents are asked for: the same as on the node, and to end when nobody is left here. */
function remoteArgs({ namespace, pod, verdict, direction }: FlowFilter): readonly string[] {
  const flags = { namespace, pod, verdict, direction };
  const given = Object.entries(flags).flatMap(([name, value]) => (value === null ? [] : [`--${name}=${value}`]));
  return ["observe", "--output=json", "--until-eof", ...given];
}

/** A node that fails again and again says so with ever new words. */
const mostTold = 20;

/** A line of the log of kubectl's libraries; what it comes to is said after it. */
const isNote = (text: string): boolean => /^[EWI][0-9]{4} /.test(text);

/** Keeps a kubectl for each agent; says once what is wrong with one. */
function createStreams(
  access: ClusterAccess,
  args: readonly string[],
  take: (flow: Flow) => Promise<void>,
  stop: AbortSignal,
) {
  const running = new Map<string, Promise<void>>();
  /** What was said of each node since it was last heard of. */
  const told = new Map<string, Set<string>>();
  const tell = (node: string, text: string): void => {
    const before = told.get(node) ?? new Set();
    if (stop.aborted || isNote(text) || before.has(text) || before.size >= mostTold) return;
    told.set(node, before.add(text));
    say(`${node}: ${text}`);
  };
  const follow = async (agent: AgentPod): Promise<void> => {
    const { node } = agent;
    const line = async (text: string): Promise<void> => {
      const read = readFlowLine(text);
      if (read?.kind !== "Flow") return;
      told.delete(node);
      await take(read);
    };
    const talk = (text: string): void => tell(node, text.replace(/^portcullis: /, ""));
    const { code, failure } = await followAgent(access, agent, args, { line, talk }, stop);
    tell(node, failure ?? `is not observed any more (kubectl exec ended${code === null ? "" : ` with ${code}`})`);
  };
  return {
    size: () => running.size,
    start: (agents: readonly AgentPod[]): void => {
      for (const agent of agents) {
        const key = `${agent.namespace}/${agent.name}`;
        if (running.has(key)) continue;
        running.set(
          key,
          follow(agent).finally(() => running.delete(key)),
        );
      }
    },
    ended: () => Promise.all(running.values()),
  };
}

/**
 * Observes all agents of a cluster by `kubectl exec`, in the order of time, until the signal aborts. An agent that
 * fails does not end the others; when none is left, it throws InputError.
 */
export async function observeCluster(
  options: ClusterOptions,
  filter: FlowFilter,
  print: (it: Flow | FlowsLost) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  const access = accessOf(options);
  const agents = chosen(await findAgents(access), options.node);
  const agentNamespace = agents[0]?.namespace ?? access.agentNamespace;
  const order = createFlowOrder(mergeWindow, mostHeld, () => performance.now());
  // While our reader is slow no more is read from the agents, who count what they cannot tell.
  const take = async (flow: Flow): Promise<void> => {
    while (order.isFull() && !stop.aborted) await systemClock.sleep(mergeEvery, stop);
    order.add(flow);
  };
  const streams = createStreams(access, remoteArgs(filter), take, stop);
  streams.start(agents);
  let count = agents.length;
  let looked = performance.now();
  while (!stop.aborted && streams.size() > 0) {
    await systemClock.sleep(mergeEvery, stop);
    for (const flow of order.take(performance.now())) await print(flow);
    if (streams.size() >= count || performance.now() - looked < lookAgainAfter) continue;
    looked = performance.now();
    // Where they were found: pods that are labelled as agents elsewhere do not come in later.
    const found = await findAgents({ ...access, agentNamespace }).catch(() => []);
    const wanted = options.node === undefined ? found : found.filter(({ node }) => options.node?.includes(node));
    count = Math.max(wanted.length, 1);
    if (!stop.aborted) streams.start(wanted.slice(0, mostAgents));
  }
  for (const flow of order.rest()) await print(flow);
  await streams.ended();
  if (!stop.aborted) throw new InputError("none of the agents can be observed");
}
