import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** A program that a test started, with its output in a file. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  isAlive(): boolean;
  /** The end of what it wrote. */
  lastLines(): string;
  /** Sends the signal and waits until it has ended; gives its exit code, null where a signal ended it. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** So long a program may take to end by itself before it is killed. */
const patience = 15_000;

/** Starts a program; `log` gets all that it writes, after what is there. */
export function startProcess(
  program: string,
  args: readonly string[],
  log: string,
  more: { readonly name?: string; readonly env?: NodeJS.ProcessEnv } = {},
): RunningProcess {
  const output = openSync(log, "a");
  const env = { ...process.env, ...more.env };
  // In a group of its own: who stops a run at the terminal stops the run, and the run stops its programs.
  const child: ChildProcess = spawn(program, [...args], { stdio: ["ignore", output, output], env, detached: true });
  closeSync(output);
  const name = more.name ?? program;
  let ended = false;
  const end = new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("exit", (code) => resolve(code));
  });
  void end.then(() => (ended = true));
  return {
    name,
    pid: child.pid ?? 0,
    log,
    isAlive: () => !ended,
    lastLines: () => readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n"),
    stop: async (signal) => {
      child.kill(signal);
      const impatient = setTimeout(() => child.kill("SIGKILL"), patience);
      const code = await end;
      clearTimeout(impatient);
      return code;
    },
  };
}

/**
 * Asks again until the answer is not null, and gives it. Throws after `limit` milliseconds, or as soon as one of the
 * processes that it depends on has ended.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null> | T | null,
  limit: number,
  needs: readonly RunningProcess[] = [],
): Promise<T> {
  const deadline = performance.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    const dead = needs.find((one) => !one.isAlive());
    if (dead !== undefined) throw new Error(`${what}: ${dead.name} has ended:\n${dead.lastLines()}`);
    if (performance.now() > deadline) {
      const logs = needs.map((one) => `${one.name}:\n${one.lastLines()}`);
      throw new Error([`${what}: not within ${limit / 1000} s`, ...logs].join("\n"));
    }
    await pause(20);
  }
}
