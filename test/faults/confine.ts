/**
 * `node confine.ts FOLDER CAPABILITIES COMMAND…`, in a mount namespace of its own (`unshare --mount`): runs the command
 * as the chart's container runs it. The root is read-only; writable are /run/portcullis and /var/lib/portcullis, which
 * are folders of FOLDER; no new privileges, and of the capabilities only those named (`+net_admin`, or none).
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, [...args], { encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

/** A read-only tmpfs at the path, with one writable folder in it. */
function writableBelow(parent: string, name: string, source: string): void {
  mkdirSync(source, { recursive: true });
  run("mount", "-t", "tmpfs", "tmpfs", parent);
  mkdirSync(join(parent, name));
  run("mount", "--bind", source, join(parent, name));
  run("mount", "-o", "remount,ro", parent);
}

const [folder = "", capabilities = "", ...command] = process.argv.slice(2);
const inside = join(folder, "root");
mkdirSync(inside, { recursive: true });
run("mount", "--bind", "/", inside);
run("mount", "-o", "remount,bind,ro", inside);
run("mount", "-t", "proc", "proc", join(inside, "proc"));
run("mount", "--rbind", "/dev", join(inside, "dev"));
writableBelow(join(inside, "run"), "portcullis", join(folder, "run"));
writableBelow(join(inside, "var", "lib"), "portcullis", join(folder, "state"));
const bounding = ["-all", ...(capabilities === "" ? [] : [capabilities])].join(",");
const limited = ["--bounding-set", bounding, "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"];
const child = spawn("unshare", ["--root", inside, "setpriv", ...limited, ...command], { stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 128));
