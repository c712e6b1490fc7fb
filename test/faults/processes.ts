/** The processes of a site: an agent on its node, traffic in its pods. All are ended by the id they were started with. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { type PodName, type Site, podNames } from "./site.ts";
import type { Order, TrafficReport } from "./traffic.ts";

const root = join(import.meta.dirname, "..", "..");
/** The program as it stands in this tree. */
export const main = join(root, "src", "cli", "main.ts");

export interface AgentProcess {
  readonly child: ChildProcess;
  /** All of stderr so far. */
  log(): string;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `portcullis agent` for the node of the site, as an operator would. `program`: of another version. */
export function startAgent(
  site: Pick<Site, "node">,
  folder: string,
  socket: string,
  more: readonly string[] = [],
  stderr: "pipe" | number = "pipe",
  program: string = main,
): AgentProcess {
  const args = ["--no-warnings", program, "agent", "-f", folder, "--netns", site.node, "--node-name", "node-1"];
  const child = spawn(process.execPath, [...args, "--metrics-bind-address", `unix:${socket}`, "-v", ...more], {
    stdio: ["ignore", "ignore", stderr],
  });
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, "exit");
  return {
    child,
    log: () => log,
    kill: async (signal) => {
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Asks an agent over its unix socket; null where nobody answers. */
export function ask(socketPath: string, path: string): Promise<Reply | null> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, agent: false, timeout: 2000 }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(null));
    asked.end();
  });
}

/** Waits until /readyz tells that an input with this digest (null: any) is enforced. Throws after `patience` ms. */
export async function untilReady(socket: string, digest: string | null = null, patience = 20_000): Promise<void> {
  const deadline = performance.now() + patience;
  let last: Reply | null = null;
  while (performance.now() < deadline) {
    last = await ask(socket, "/readyz");
    const inForce = last === null ? null : (JSON.parse(last.body) as { digest: string | null }).digest;
    if (last?.status === 200 && (digest === null || inForce === digest)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not ready after ${patience} ms: ${last?.body ?? "no answer"}`);
}

export interface Traffic {
  start(): void;
  /** Ends sending, waits for what is on its way, and tells. */
  finish(): Promise<Record<PodName, TrafficReport>>;
  report(pod: PodName): Promise<TrafficReport>;
  close(): Promise<void>;
}

/** Starts the traffic processes in the pods; they listen, and send nothing before `start`. */
export async function createTraffic(site: Pick<Site, "pods">): Promise<Traffic> {
  const file = join(import.meta.dirname, "traffic.ts");
  const children = new Map<PodName, ChildProcess>();
  for (const pod of podNames) {
    const args = ["netns", "exec", site.pods[pod], process.execPath, "--no-warnings", file, pod];
    children.set(pod, spawn("ip", args, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  }
  const order = (text: Order) => {
    for (const child of children.values()) child.send(text);
  };
  const report = async (pod: PodName): Promise<TrafficReport> => {
    const child = children.get(pod);
    if (child === undefined) throw new Error(`no traffic in ${pod}`);
    const answered = once(child, "message");
    child.send("report" satisfies Order);
    const [answer] = (await answered) as [TrafficReport];
    return answer;
  };
  for (const pod of podNames) await report(pod);
  return {
    start: () => order("start"),
    report,
    finish: async () => {
      order("stop");
      await new Promise((resolve) => setTimeout(resolve, 500));
      return { client: await report("client"), server: await report("server"), stranger: await report("stranger") };
    },
    close: async () => {
      for (const child of children.values()) {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }
    },
  };
}
