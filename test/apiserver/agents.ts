/** Agents as an operator starts them: real processes that follow the API server and program one node's namespace. */
import { request } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readNodeState } from "../../src/agent/node-state.ts";
import type { Address } from "../../src/net/address.ts";
import { type RunningProcess, startProcess } from "./process.ts";

const program = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

export interface AgentPlace {
  readonly node: string;
  /** The network namespace that it programs. */
  readonly netns: string;
  /** For its sockets and its log. */
  readonly folder: string;
  /** Null: it finds the cluster as a pod does, by its environment and files. */
  readonly kubeconfig: string | null;
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: readonly string[];
}

/** What `/readyz` tells. */
export interface Readiness {
  readonly status: number;
  readonly ready: boolean;
  readonly digest: string | null;
  readonly reason: string | null;
  readonly degraded: string | null;
}

export interface Agent {
  readonly node: string;
  readonly process: RunningProcess;
  /** Null where nobody answers. */
  readiness(): Promise<Readiness | null>;
  /** The local API's answer, as JSON. */
  status(): Promise<unknown>;
  /** The value of a sample without labels, or with exactly these (`{kind="Pod"}`); null: it is not there. */
  metric(name: string, labels?: string): Promise<number | null>;
  /** The addresses that it has written down as learned; it does so at most a second after it learned them. */
  readonly learned: () => ReadonlySet<Address>;
}

function get(socketPath: string, path: string): Promise<{ readonly status: number; readonly text: string } | null> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, path, agent: false, timeout: 5000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", () => resolve(null));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    });
    asking.on("timeout", () => asking.destroy());
    asking.on("error", () => resolve(null));
    asking.end();
  });
}

/** Starts the agent of a node. */
export function startAgent({ node, netns, folder, kubeconfig, env = {}, flags = [] }: AgentPlace): Agent {
  const [bind, socket] = [join(folder, `${node}.http`), join(folder, `${node}.sock`)];
  const where = ["--netns", netns, "--node-name", node];
  const cluster = kubeconfig === null ? [] : ["--kubeconfig", kubeconfig];
  const served = ["--metrics-bind-address", `unix:${bind}`, "--socket", socket];
  const stateFile = join(folder, `${node}.json`);
  const kept = flags.some((flag) => flag.startsWith("--state-file")) ? [] : ["--state-file", stateFile];
  const args = ["--no-warnings", program, "agent", ...where, ...cluster, ...served, ...kept, "-v", ...flags];
  const log = join(folder, `${node}.log`);
  // No kubeconfig of whoever runs the tests.
  const own = { ...env, KUBECONFIG: "", HOME: folder };
  return {
    node,
    process: startProcess(process.execPath, args, log, { name: `agent of ${node}`, env: own }),
    readiness: async () => {
      const answer = await get(bind, "/readyz");
      return answer === null
        ? null
        : ({ status: answer.status, degraded: null, ...(JSON.parse(answer.text) as object) } as Readiness);
    },
    status: async () => {
      const answer = await get(socket, "/v1/status");
      return answer?.status === 200 ? (JSON.parse(answer.text) as unknown) : null;
    },
    metric: async (name, labels = "") => {
      const lines = (await get(bind, "/metrics"))?.text.split("\n") ?? [];
      const line = lines.find((one) => one.startsWith(`${name}${labels} `));
      return line === undefined ? null : Number(line.slice(line.lastIndexOf(" ") + 1));
    },
    learned: () => {
      const read = existsSync(stateFile) ? readNodeState(readFileSync(stateFile, "utf8")) : null;
      return new Set(read?.ok === true ? read.state.learned.keys() : []);
    },
  };
}
