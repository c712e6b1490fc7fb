import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Flow } from "../../src/observe/flow.ts";
import type { ApiObject } from "../cluster-of.ts";
import { type World, createWorld, worldObjects } from "../contract/world.ts";
import { binary } from "../run-binary.ts";

/** A process whose output is kept. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
}

export function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(program, [...args], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  child.stdin.on("error", () => undefined);
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", resolve);
    child.once("error", () => resolve(null));
  });
  return { child, stdout: () => out, stderr: () => err, ended };
}

export async function waitFor(
  what: string,
  is: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
): Promise<void> {
  for (const deadline = performance.now() + milliseconds; !(await is()); await pause(10)) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
  }
}

/** The digest of what is in force; null: no agent answers, or it is not ready. */
function digestInForce(socketPath: string): Promise<string | null> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, path: "/readyz", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () => {
        const { ready, digest } = JSON.parse(text) as { ready: boolean; digest: string | null };
        resolve(ready ? digest : null);
      });
    });
    asking.once("error", () => resolve(null));
    asking.end();
  });
}

/** A world whose node has the agent as it is installed, which follows a folder. */
export interface ObservedWorld {
  readonly world: World;
  readonly socket: string;
  /** Brings these objects (and the world's pods) into force. */
  readonly enforce: (objects: readonly ApiObject[]) => Promise<void>;
  readonly agent: () => Running;
  /** Ends the agent and starts it again. */
  readonly restart: () => Promise<void>;
  readonly destroy: () => Promise<void>;
}

export async function observeWorld(): Promise<ObservedWorld> {
  const world = createWorld();
  const folder = mkdtempSync(join(tmpdir(), "pct-observe-"));
  const manifests = join(folder, "manifests");
  mkdirSync(manifests);
  const socket = join(folder, "run", "agent.sock");
  const write = (objects: readonly ApiObject[]): void => {
    const items = worldObjects(world, objects);
    writeFileSync(join(folder, "next"), JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    renameSync(join(folder, "next"), join(manifests, "objects.json"));
  };
  const flags = ["--node-name", "node-1", "-f", manifests, "--netns", world.node.netns, "--socket", socket];
  const begin = (): Running =>
    start(process.execPath, [binary, "agent", ...flags, "--metrics-bind-address", `unix:${join(folder, "metrics")}`]);
  write([]);
  let inForce = "[]";
  let agent = begin();
  const end = async (): Promise<void> => {
    agent.child.kill("SIGTERM");
    await agent.ended;
  };
  const isUp = async (): Promise<void> => {
    await waitFor(`the agent: ${agent.stderr()}`, async () => (await digestInForce(socket)) !== null);
    await waitFor("the drop log", () => agent.stderr().includes("listening to the drop log"));
  };
  try {
    await isUp();
  } catch (error) {
    await end();
    world.destroy();
    throw error;
  }
  return {
    world,
    socket,
    enforce: async (objects) => {
      if (JSON.stringify(objects) === inForce) return;
      inForce = JSON.stringify(objects);
      const before = await digestInForce(socket);
      write(objects);
      await waitFor("the change", async () => ![before, null].includes(await digestInForce(socket)));
    },
    agent: () => agent,
    restart: async () => {
      await end();
      agent = begin();
      await isUp();
    },
    destroy: async () => {
      await end();
      world.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `portcullis observe` as it is installed. */
export interface Observing extends Running {
  readonly flows: () => readonly Flow[];
}

/** Starts it, and waits until the agent tells it something. */
export function observe(args: readonly string[], env: NodeJS.ProcessEnv = {}): Observing {
  const running = start(process.execPath, [binary, "observe", ...args], env);
  const flows = (): readonly Flow[] =>
    running
      .stdout()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Flow);
  return { ...running, flows };
}

export const modeOf = (path: string) => statSync(path);
