import { closeSync, openSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { FeatureGate } from "../policy/feature-gates.ts";
import { startProgram } from "../system/program.ts";
import { ownCommand } from "./own-program.ts";
import { digestOfName } from "./plan/names.ts";

/** What the agents of a lab are told. */
export interface AgentFlags {
  readonly dataplane: string | null;
  readonly established: string | null;
  readonly defaultVerdict: string | null;
  readonly unknownPods: string | null;
  /** Null: all kinds. */
  readonly policyKinds: readonly string[] | null;
  /** Those that are shut. */
  readonly shutGates: readonly FeatureGate[];
}

export const plainAgents: AgentFlags = {
  dataplane: null,
  established: null,
  defaultVerdict: null,
  unknownPods: null,
  policyKinds: null,
  shutGates: [],
};

/** One node's agent, as far as another process has to know it. */
export interface AgentProcess {
  readonly node: string;
  readonly pid: number;
  readonly socket: string;
  readonly log: string;
}

const patience = 30_000;

function flagArguments(flags: AgentFlags): readonly string[] {
  const given: readonly (readonly [string, string | null])[] = [
    ["--dataplane", flags.dataplane],
    ["--established", flags.established],
    ["--default-verdict", flags.defaultVerdict],
    ["--unknown-pods", flags.unknownPods],
    ["--policy-kinds", flags.policyKinds?.join(",") ?? null],
    ["--feature-gates", flags.shutGates.length === 0 ? null : flags.shutGates.map((gate) => `${gate}=false`).join(",")],
  ];
  return given.flatMap(([name, value]) => (value === null ? [] : [name, value]));
}

export interface AgentPlace {
  readonly node: string;
  readonly namespace: string;
  /** The lab's folder, for the agent's socket and log. */
  readonly folder: string;
  readonly manifests: string;
}

/**
 * Starts the agent that programs one node's namespace. `detached`: it outlives this process. Its socket is named by a
 * digest, since a node's name may be longer than a socket's path can be.
 */
export function startAgent(place: AgentPlace, flags: AgentFlags, detached: boolean): AgentProcess {
  const name = digestOfName(place.node).slice(0, 16);
  const [socket, log] = [join(place.folder, `${name}.sock`), join(place.folder, `${name}.log`)];
  const output = openSync(log, "a");
  const where = ["-f", place.manifests, "--netns", place.namespace, "--node-name", place.node];
  const [program, ...before] = ownCommand();
  const child = startProgram(
    program,
    [...before, "agent", ...where, "--metrics-bind-address", `unix:${socket}`, ...flagArguments(flags)],
    { stdio: ["ignore", output, output], detached },
  );
  closeSync(output);
  child.unref();
  child.on("error", () => undefined);
  return { node: place.node, pid: child.pid ?? 0, socket, log };
}

interface Readiness {
  readonly ready: boolean;
  readonly digest: string;
  readonly reason: string;
}

function readReadiness(body: string): Readiness | null {
  try {
    const answer = JSON.parse(body) as Partial<Readiness>;
    return { ready: answer.ready === true, digest: answer.digest ?? "", reason: answer.reason ?? "" };
  } catch {
    return null;
  }
}

/** Asks an agent what it enforces; null where nobody answers yet. */
export function readiness(socket: string): Promise<Readiness | null> {
  return new Promise((resolve) => {
    const asking = request({ socketPath: socket, path: "/readyz", timeout: 2000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(readReadiness(Buffer.concat(parts).toString())));
    });
    asking.on("error", () => resolve(null));
    asking.on("timeout", () => asking.destroy());
    asking.end();
  });
}

function isAlive(pid: number): boolean {
  try {
    // A process that ended and was not waited for yet still answers signals.
    return pid > 0 && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function lastLines(log: string): string {
  return readFileSync(log, "utf8").trimEnd().split("\n").slice(-10).join("\n");
}

/** Waits until the agent enforces the input with this digest. Throws, with the end of its log, where it cannot. */
export async function waitForAgent(agent: AgentProcess, digest: string): Promise<void> {
  const deadline = performance.now() + patience;
  for (;;) {
    const answer = await readiness(agent.socket);
    if (answer?.ready === true && answer.digest === digest) return;
    if (!isAlive(agent.pid)) throw new Error(`the agent of ${agent.node} ended:\n${lastLines(agent.log)}`);
    if (performance.now() > deadline) {
      const why = answer === null ? "does not answer" : `is not ready: ${answer.reason}`;
      throw new Error(`the agent of ${agent.node} ${why}\n${lastLines(agent.log)}`);
    }
    await pause(10);
  }
}
