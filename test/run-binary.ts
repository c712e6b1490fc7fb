import { spawn } from "node:child_process";
import { join } from "node:path";

/** The program as it is installed. */
export const binary = join(import.meta.dirname, "..", "bin", "portcullis");

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program with this Node (or the given one) to its end. */
export async function runBinary(args: readonly string[], input = "", node = process.execPath): Promise<Ran> {
  const child = spawn(node, [binary, ...args], { stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") };
}
