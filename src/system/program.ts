import { spawn, spawnSync, type ChildProcess, type StdioOptions } from "node:child_process";

/** How a program ended that was run on this thread. */
export interface RunResult {
  /** The exit code; null: killed, or never started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** There is no such program. */
  readonly absent: boolean;
}

/**
 * Runs a short program to its end while this thread waits, so that it can be started from within another network
 * namespace (`inNamespace`). Never throws: what went wrong is in the result.
 */
export function runAtOnce(program: string, args: readonly string[], input = ""): RunResult {
  // Its types do not say that there is no output of what was never started.
  const ended: { status: number | null; stdout: string | null; stderr: string | null; error?: Error | undefined } =
    spawnSync(program, [...args], { input, encoding: "utf8" });
  const { status, stdout, stderr, error } = ended;
  const absent = error !== undefined && "code" in error && error.code === "ENOENT";
  return { code: status, stdout: stdout ?? "", stderr: stderr ?? "", absent };
}

/** As `runAtOnce`; gives what it wrote, and throws with what it said where it did not end well. */
export function outputOf(program: string, args: readonly string[], input = ""): string {
  const { code, stdout, stderr, absent } = runAtOnce(program, args, input);
  if (code === 0) return stdout;
  throw new Error(`${program} ${absent ? "is not installed" : `failed: ${stderr.trim()}`}`);
}

export interface StartOptions {
  readonly stdio: StdioOptions;
  readonly env?: NodeJS.ProcessEnv;
  /** It gets a process group of its own and outlives us. */
  readonly detached?: boolean;
}

/** Starts a program that runs beside us, in the network namespace that this thread is in. */
export function startProgram(program: string, args: readonly string[], options: StartOptions): ChildProcess {
  return spawn(program, [...args], options);
}

export interface RunOptions {
  /** Added to our own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** It has our terminal: it may ask on it. Its stderr goes there too. */
  readonly interactive?: boolean;
  /** Milliseconds after which it is killed. */
  readonly timeLimit?: number;
}

/** A program that says more than this on one of its outputs is ended. */
const mostOutput = 16 << 20;

/** Runs a program to its end while other work goes on. Never rejects: what went wrong is in the result. */
export function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { environment = {}, interactive = false, timeLimit = 0 } = options;
  return new Promise((resolve) => {
    const stdio: StdioOptions = interactive ? ["inherit", "pipe", "inherit"] : ["ignore", "pipe", "pipe"];
    const child = spawn(program, [...args], { stdio, env: { ...process.env, ...environment }, timeout: timeLimit });
    const outputs: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let length = 0;
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > mostOutput) child.kill("SIGKILL");
        else outputs[name].push(chunk);
      });
    }
    const textOf = (name: "stdout" | "stderr"): string => Buffer.concat(outputs[name]).toString("utf8");
    const end = (code: number | null, absent: boolean, reason = ""): void =>
      resolve({ code, stdout: textOf("stdout"), stderr: textOf("stderr") || reason, absent });
    child.on("error", (error) => end(null, "code" in error && error.code === "ENOENT", error.message));
    child.on("close", (code) => end(code, false));
  });
}
