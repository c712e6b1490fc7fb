import { request } from "node:http";
import { type Command, Option } from "commander";
import type { AgentStatus } from "../agent/status/agent-status.ts";
import { printable } from "../observe/printable.ts";
import { askAgents, countNodes, findAgents } from "./agents-of-cluster.ts";
import { InputError, UsageError, exitCodes } from "./exit.ts";
import { reasonFor } from "./flow-stream.ts";
import { type ClusterOptions, accessOf } from "./observe-cluster.ts";
import { isCalledByKubectl, usualSocket } from "./observe.ts";
import { writeOut } from "./output.ts";
import { clusterStatus, isAllInForce, readAgentStatus, readAnswer } from "./status-of-cluster.ts";
import { clusterStatusText, nodeStatusText } from "./status-text.ts";

interface StatusOptions extends Omit<ClusterOptions, "node"> {
  readonly output: "table" | "json";
  readonly socket?: string;
  readonly allNodes?: true;
}

const patience = 10_000;

function asksCluster(options: StatusOptions): boolean {
  const { allNodes, kubeconfig, context, agentNamespace } = options;
  const isTold = [allNodes, kubeconfig, context, agentNamespace].some((option) => option !== undefined);
  if (options.socket === undefined) return isTold || isCalledByKubectl();
  if (isTold) throw new UsageError("--socket asks the agent of this node; the flags for the cluster do not go with it");
  return false;
}

/** `NAMESPACE/NAME` is a NetworkPolicy; all else is the id that answers and logs show. */
function policyIdOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const isId = /^[A-Z][A-Za-z]*(\/[^/]+){1,2}$/.test(text);
  if (!isId && !/^[^/]+\/[^/]+$/.test(text))
    throw new UsageError(
      `"${printable(text, 100)}" is no policy such as NAMESPACE/NAME or NetworkPolicy/NAMESPACE/NAME`,
    );
  return isId ? text : `NetworkPolicy/${text}`;
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new InputError(reason));
    const asking = request({ socketPath, path, signal: AbortSignal.timeout(patience) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", (error) => fail(reasonFor(error, socketPath)));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else fail(`the agent says: ${printable(text.trim())}`);
      });
    });
    asking.on("error", (error) => fail(reasonFor(error, socketPath)));
    asking.end();
  });
}

const isInForce = ({ ready, policies }: AgentStatus): boolean =>
  ready && policies.every(({ state }) => state === "enforced" || state === "audit");

async function tellNode(socket: string, policy: string | null, output: StatusOptions["output"]): Promise<boolean> {
  const query = policy === null ? "" : `?policy=${encodeURIComponent(policy)}`;
  const text = await ask(socket, `/v1/status${query}`);
  const status = readAgentStatus(text);
  if (status === null) throw new InputError("the agent answers something that is no status: is it of another version?");
  await writeOut(output === "json" ? text : nodeStatusText(status));
  if (policy !== null && status.policies.length === 0) return false;
  return isInForce(status);
}

async function tellCluster(options: StatusOptions, policy: string | null): Promise<boolean> {
  const access = accessOf(options);
  const agents = await findAgents(access);
  if (agents.length === 0)
    throw new InputError("no agent runs in this cluster, as far as you may see; -N says in which namespace to look");
  const answers = await askAgents(access, agents, ["status", "--output=json", ...(policy === null ? [] : [policy])]);
  const read = answers.map(readAnswer);
  const [first] = read;
  if (read.every(({ status }) => status === null))
    throw new InputError(`no agent answers: ${printable(first?.node ?? "?")}: ${printable(first?.error ?? "?")}`);
  const status = clusterStatus(read, await countNodes(access));
  await writeOut(options.output === "json" ? `${JSON.stringify(status)}\n` : clusterStatusText(status));
  if (policy !== null && status.policies.length === 0) return false;
  return isAllInForce(status);
}

async function run(policyText: string | undefined, options: StatusOptions): Promise<void> {
  const policy = policyIdOf(policyText);
  const isGood = asksCluster(options)
    ? await tellCluster(options, policy)
    : await tellNode(options.socket ?? usualSocket, policy, options.output);
  process.exitCode = isGood ? exitCodes.yes : exitCodes.no;
}

/** `portcullis status`: which version of which policy is in force. */
export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("show what is in force on this node or (kubectl portcullis status) on how many nodes of the cluster")
    .argument("[policy]", "only this one: NAMESPACE/NAME, or KIND/NAMESPACE/NAME")
    .addOption(new Option("-o, --output <format>", "how to print it").choices(["table", "json"]).default("table"))
    .option("--socket <path>", `where this node's agent listens (default ${usualSocket})`)
    .option("--all-nodes", "ask the agents of the cluster, as kubectl portcullis status does")
    .option("-N, --agent-namespace <name>", "where the agents run (default: found by their labels)")
    .option("--kubeconfig <path>", "handed on to kubectl")
    .option("--context <name>", "handed on to kubectl")
    .action(run);
}
