import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes objects to a file of a folder of its own; `dispose` removes it. */
export function manifestFile(objects: readonly object[]): { readonly path: string; dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), "pct-lab-"));
  const path = join(folder, "objects.json");
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  return { path, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts the program; `input` becomes its stdin, null leaves it open. */
export function startProgram(
  args: readonly string[],
  input: string | null,
  env: NodeJS.ProcessEnv = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ["--no-warnings", main, ...args], { env: { ...process.env, ...env } });
  const [out, err]: Buffer[][] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out?.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err?.push(chunk));
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined);
  if (input !== null) child.stdin.end(input);
  const text = (parts: Buffer[] | undefined) => Buffer.concat(parts ?? []).toString();
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout: text(out), stderr: text(err) }));
  });
  return { child, ended };
}

/** Runs the program to its end. */
export function runProgram(args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startProgram(args, input, env).ended;
}

export interface Answer {
  readonly id: unknown;
  readonly verdict?: string;
  readonly evaluator?: string;
  readonly error?: string;
}

/** The answers of `lab run`, by id. */
export function answersOf(stdout: string): ReadonlyMap<string, Answer> {
  const lines = stdout.split("\n").filter((line) => line !== "");
  const answers = lines.map((line) => JSON.parse(line) as Answer);
  return new Map(answers.map((answer) => [String(answer.id), answer]));
}
