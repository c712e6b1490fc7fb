/** Other versions of the program, taken from the history of this repository. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** The last commit of each layout of the table that was given to users, but for the layout of this tree. */
export const released = { "0.1": "34d497e90ba0ecf5df2a55dac36f7722e997768b" } as const;

export interface OldProgram {
  /** What Node runs. */
  readonly main: string;
  remove(): void;
}

function git(...args: readonly string[]): { readonly status: number | null; readonly stdout: Buffer } {
  return spawnSync("git", ["-C", root, ...args], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
}

/** Why this version cannot be taken from here; null: it can. */
export function whyNoHistory(commit: string): string | null {
  const found = git("cat-file", "-e", `${commit}^{commit}`);
  return found.status === 0
    ? null
    : `commit ${commit} is not in the history that is here (a shallow clone, or no repository): not upgraded from it`;
}

/** The program as that commit has it, in a folder of its own, with the packages of this tree. */
export function unpack(commit: string): OldProgram {
  const folder = mkdtempSync(join(tmpdir(), "pct-version-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const archive = git("archive", commit, "src", "package.json");
  const unpacked = spawnSync("tar", ["-x", "-C", folder], { input: archive.stdout, encoding: "utf8" });
  if (archive.status !== 0 || unpacked.status !== 0) {
    remove();
    throw new Error(`commit ${commit} cannot be unpacked: ${unpacked.stderr}`);
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { main: join(folder, "src", "cli", "main.ts"), remove };
}
