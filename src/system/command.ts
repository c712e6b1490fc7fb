import { spawn } from "node:child_process";

export interface Command {
  readonly program: string;
  /** Passed as they are: no shell ever sees them. */
  readonly args: readonly string[];
  readonly input?: string;
  /** Milliseconds until it is killed; 10,000 unless told. */
  readonly timeout?: number;
  /** A signal that kills it. */
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** The exit code; null: killed by a signal, out of time, or not started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no exit code: `ENOENT`, `timeout`, `SIGKILL`. */
  readonly failure: string | null;
}

/** Runs a program to its end. Never rejects: what went wrong is in the result. The seam that tests inject. */
export type RunCommand = (command: Command) => Promise<CommandResult>;

const outputLimit = 64 * 1024 * 1024;

/** Runs the program for real. Output over 64 MiB kills it. */
export const runCommand: RunCommand = ({ program, args, input, timeout = 10_000, signal }) =>
  new Promise((resolve) => {
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let size = 0;
    let failure: string | null = null;
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const kill = (why: string): void => {
      failure ??= why;
      child.kill("SIGKILL");
    };
    const aborted = (): void => kill("aborted");
    const timer = setTimeout(() => kill("timeout"), timeout);
    signal?.addEventListener("abort", aborted, { once: true });
    if (signal?.aborted === true) aborted();
    const finish = (code: number | null): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString();
      resolve({
        code: failure === null ? code : null,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        failure,
      });
    };
    const collect = (chunks: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputLimit) kill("too much output");
      else chunks.push(chunk);
    };
    child.stdout.on("data", collect(output.stdout));
    child.stderr.on("data", collect(output.stderr));
    // A program that ends without reading its input is not our failure: its exit code tells.
    child.stdin.on("error", () => {});
    child.on("error", (error: NodeJS.ErrnoException) => {
      failure ??= error.code ?? error.message;
      finish(null);
    });
    child.on("close", (code, killedBy) => {
      if (code === null) failure ??= killedBy;
      finish(code);
    });
    child.stdin.end(input ?? "");
  });
