import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome } from "./outcomes-reporter.ts";
import type { Mutant } from "./mutant.ts";

const root = join(import.meta.dirname, "..", "..");

/** A copy of the tree in which lines can be broken; the tree itself is never touched. */
export interface TreeCopy {
  readonly folder: string;
  remove(): void;
}

export function copyTree(): TreeCopy {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-mutation-"));
  for (const name of ["src", "test", "bin", "package.json", "tsconfig.json"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** How often a mutant's text stands in its file; a list that is up to date has 1 everywhere. */
export function occurrences(mutant: Mutant): number {
  return readFileSync(join(root, mutant.file), "utf8").split(mutant.text).length - 1;
}

/** Names of the tests that fail in the copy, and how many ran. */
async function failingTests(folder: string, files: readonly string[]): Promise<{ failed: string[]; ran: number }> {
  const reporter = join(import.meta.dirname, "outcomes-reporter.ts");
  const args = ["--no-warnings", "--test", "--test-concurrency=2", `--test-reporter=${reporter}`, ...files];
  // A process of its own, which must not think that it is part of the tests that started it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "ignore"] });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const lines = Buffer.concat(output).toString("utf8").trimEnd().split("\n");
  const outcomes = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Outcome);
  const failed = outcomes.filter(({ passed }) => !passed).map(({ name }) => name);
  return { failed, ran: outcomes.length };
}

export interface MutantResult {
  readonly mutant: Mutant;
  /** Empty: no test noticed. */
  readonly caughtBy: readonly string[];
}

/** Breaks one line of the copy, runs the test files, and mends the line again. */
export async function tryMutant(copy: TreeCopy, mutant: Mutant, files: readonly string[]): Promise<MutantResult> {
  const path = join(copy.folder, mutant.file);
  const sound = readFileSync(path, "utf8");
  const broken = sound.replace(mutant.text, () => mutant.replacement);
  if (broken === sound) throw new Error(`${mutant.file}: does not hold ${mutant.text}`);
  writeFileSync(path, broken);
  try {
    return { mutant, caughtBy: (await failingTests(copy.folder, files)).failed };
  } finally {
    writeFileSync(path, sound);
  }
}

/** Throws unless all these tests pass in the copy as it is: a mutant proves nothing in a broken tree. */
export async function requireSound(copy: TreeCopy, files: readonly string[]): Promise<void> {
  const { failed, ran } = await failingTests(copy.folder, files);
  if (failed.length > 0 || ran === 0)
    throw new Error(`without any mutant ${failed.length} of ${ran} tests fail: ${failed.join(", ")}`);
}
