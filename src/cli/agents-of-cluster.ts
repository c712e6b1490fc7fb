import { printable } from "../observe/printable.ts";
import { startProgram } from "../system/program.ts";
import { InputError } from "./exit.ts";
import { lineBatches } from "./lines.ts";

/** How the cluster is reached: what is handed on to kubectl, which reads its own configuration. */
export interface ClusterAccess {
  readonly kubeconfig: string | null;
  readonly context: string | null;
  /** Where the agents run; null: wherever their labels are found. */
  readonly agentNamespace: string | null;
}

/** A pod of the agent. */
export interface AgentPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
}

/** What a command in an agent's container came to. `code` null: it never started, was killed or took too long. */
export interface AgentAnswer {
  readonly node: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How agent pods are known: what the chart labels them with, and the container's name. */
const agentLabels = "app.kubernetes.io/name=portcullis,app.kubernetes.io/component=agent";
const agentContainer = "agent";

/** A list of 5,000 pods is some 50 MB. */
const mostOutput = 256 << 20;
const mostErrorText = 4096;
/** A kubectl takes some 40 MB and a connection to the API server. */
const atOnce = 16;
const answerPatience = 30_000;
const endPatience = 2000;

const kubectlArgs = (access: ClusterAccess, args: readonly string[]): readonly string[] => [
  ...(access.kubeconfig === null ? [] : [`--kubeconfig=${access.kubeconfig}`]),
  ...(access.context === null ? [] : [`--context=${access.context}`]),
  ...args,
];

/** `interactive`: the command over there sees its input end when we, or kubectl, are gone. */
const execArgs = (access: ClusterAccess, agent: AgentPod, args: readonly string[], interactive: boolean) =>
  kubectlArgs(access, [
    "exec",
    ...(interactive ? ["-i"] : []),
    `--namespace=${agent.namespace}`,
    `--container=${agentContainer}`,
    agent.name,
    "--",
    "portcullis",
    ...args,
  ]);

interface Ended {
  readonly code: number | null;
  /** Why it could not be started. */
  readonly failure: string | null;
}

function ending(child: ReturnType<typeof startProgram>): Promise<Ended> {
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const failure = error.code === "ENOENT" ? "kubectl is not on the PATH" : `kubectl: ${error.message}`;
      resolve({ code: null, failure });
    });
    child.once("close", (code) => resolve({ code, failure: null }));
  });
}

/** Collects what a stream says, at most so much; more of it is let go. */
function collect(stream: NodeJS.ReadableStream | null, most: number): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (length < most) chunks.push(chunk.subarray(0, most - length));
    length += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

interface Output extends Ended {
  readonly stdout: string;
  readonly stderr: string;
}

async function runKubectl(args: readonly string[], milliseconds: number): Promise<Output> {
  const child = startProgram("kubectl", args, { stdio: ["ignore", "pipe", "pipe"] });
  const stdout = collect(child.stdout, mostOutput);
  const stderr = collect(child.stderr, mostErrorText);
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  const ended = await ending(child);
  clearTimeout(timer);
  return { ...ended, stdout: stdout(), stderr: stderr() };
}

const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** What a name of the API can look like. Anything else never becomes an argument of kubectl, where it might be a flag. */
const isName = (value: unknown): value is string =>
  typeof value === "string" && value.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value);

function agentIn(item: unknown): AgentPod | null {
  const { metadata, spec, status } = objectIn(item);
  const { name, namespace, deletionTimestamp } = objectIn(metadata);
  const { nodeName } = objectIn(spec);
  if (!isName(name) || !isName(namespace) || !isName(nodeName)) return null;
  if (objectIn(status)["phase"] !== "Running" || deletionTimestamp !== undefined) return null;
  return { namespace, name, node: nodeName };
}

/** The agent pods in a list of pods as kubectl prints it, by node; throws SyntaxError where it is no JSON. */
function agentsIn(text: string): readonly AgentPod[] {
  const { items } = objectIn(JSON.parse(text));
  const agents = (Array.isArray(items) ? items : []).map(agentIn).filter((agent) => agent !== null);
  return agents.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
}

/** What kubectl says before are notes of its libraries. */
const lastWords = (stderr: string): string => stderr.trim().split("\n").at(-1) ?? "";

/** Labels are anybody's to choose: whoever may make pods could make some that speak for nodes. */
function inOneNamespace(agents: readonly AgentPod[]): readonly AgentPod[] {
  const namespaces = [...new Set(agents.map(({ namespace }) => namespace))].sort();
  if (namespaces.length <= 1) return agents;
  const names = namespaces.slice(0, 5).join(", ") + (namespaces.length > 5 ? " and more" : "");
  throw new InputError(
    `pods in several namespaces are labelled as agents (${names}): -N says which are to be believed`,
  );
}

/**
 * The agents that run, by node, all in one namespace. Throws InputError where kubectl cannot tell, or where it is not
 * clear in which namespace they are.
 */
export async function findAgents(access: ClusterAccess): Promise<readonly AgentPod[]> {
  const where = access.agentNamespace === null ? "--all-namespaces" : `--namespace=${access.agentNamespace}`;
  const args = kubectlArgs(access, ["get", "pods", where, `--selector=${agentLabels}`, "--output=json"]);
  const { code, failure, stdout, stderr } = await runKubectl(args, answerPatience);
  if (failure !== null) throw new InputError(failure);
  if (code !== 0) {
    throw new InputError(
      `the agents cannot be listed: kubectl: ${printable(lastWords(stderr) || `ended with ${code}`)}`,
    );
  }
  let agents: readonly AgentPod[];
  try {
    agents = agentsIn(stdout);
  } catch {
    throw new InputError("the agents cannot be listed: kubectl printed something that is no JSON");
  }
  return inOneNamespace(agents);
}

/** How many nodes the cluster has; null: kubectl cannot tell, perhaps since we may not see them. */
export async function countNodes(access: ClusterAccess): Promise<number | null> {
  const { code, stdout } = await runKubectl(kubectlArgs(access, ["get", "nodes", "--output=name"]), answerPatience);
  return code === 0 ? stdout.split("\n").filter((line) => line.startsWith("node/")).length : null;
}

/** Runs `portcullis ARGS` in each agent's container, some at a time; an answer for each, in their order. Never throws. */
export async function askAgents(
  access: ClusterAccess,
  agents: readonly AgentPod[],
  args: readonly string[],
): Promise<readonly AgentAnswer[]> {
  const answers: AgentAnswer[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < agents.length; index = next++) {
      const agent = agents[index];
      if (agent === undefined) return;
      const { code, failure, stdout, stderr } = await runKubectl(execArgs(access, agent, args, false), answerPatience);
      answers[index] = { node: agent.node, code, stdout, stderr: failure ?? stderr };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return answers;
}

/** Takes what the command in an agent's container says. */
export interface AgentListener {
  /** Waited for before more is read. */
  readonly line: (line: string) => Promise<void> | void;
  /** A line on its stderr. */
  readonly talk: (line: string) => void;
}

/**
 * Runs `portcullis ARGS` in an agent's container until it ends or the signal aborts. The command over there is given
 * an input that ends with us. Gives its exit code and what could not be started. Never throws.
 */
export async function followAgent(
  access: ClusterAccess,
  agent: AgentPod,
  args: readonly string[],
  listener: AgentListener,
  stop: AbortSignal,
): Promise<Ended> {
  const child = startProgram("kubectl", execArgs(access, agent, args, true), { stdio: ["pipe", "pipe", "pipe"] });
  const end = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), endPatience).unref();
  };
  stop.addEventListener("abort", end, { once: true });
  if (stop.aborted) end();
  child.stdin?.on("error", () => undefined);
  const take = async (stream: AsyncIterable<Uint8Array> | null, use: AgentListener["line"]): Promise<void> => {
    if (stream === null) return;
    for await (const lines of lineBatches(stream)) {
      for (const line of lines) if (line !== null && !stop.aborted) await use(line);
    }
  };
  const ended = ending(child);
  const reading = [take(child.stdout, listener.line), take(child.stderr, listener.talk)];
  // What is left in a pipe of a child that was killed does not count.
  await Promise.allSettled(reading);
  const result = await ended;
  stop.removeEventListener("abort", end);
  return result;
}
