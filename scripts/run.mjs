import { spawnSync } from "node:child_process";

/** Runs a program to its end; gives what it wrote as bytes, throws with what it complained about. */
export function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, maxBuffer: 1 << 30 });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? String(stderr).trim()}`);
}
