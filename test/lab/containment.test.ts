import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { answersOf, main, manifestFile, runProgram, startProgram } from "./run-lab.ts";

/** `lab run` leaves nothing behind, however it ends, and several run at once. */

const pods = ["a", "b"].map((name) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "x", name },
  spec: { containers: [{ name: "c", ports: [{ containerPort: 80 }] }] },
}));

/** The processes that carry a mark in their environment: those that a run started, and theirs. */
function processesWith(mark: string): readonly number[] {
  const found: number[] = [];
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark)) found.push(Number(pid));
    } catch {
      // It has gone meanwhile.
    }
  }
  return found;
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, what());
    await pause(20);
  }
}

function traces(): readonly string[] {
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  return [...namespaces.filter((name) => name.startsWith("pcl-run")), ...folders()];
}

function folders(): readonly string[] {
  if (!existsSync("/run/portcullis-lab")) return [];
  return readdirSync("/run/portcullis-lab").filter((name) => name.startsWith("run"));
}

/** Probes that take a while: thousands of connections, each to a port of its own. */
function manyQueries(): string {
  const query = (id: number) => ({ id, from: "x/a", to: "x/b", protocol: "TCP", port: 1000 + id });
  return Array.from({ length: 8_000 }, (_, id) => `${JSON.stringify(query(id))}\n`).join("");
}

/** The network namespaces that the first process of a lab sees; none before they are made. */
function namespacesOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/root/run/netns`;
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("pcl-")) : [];
}

for (const victim of ["the command", "unshare", "the lab itself"] as const) {
  test(`kill -9 of ${victim} takes everything down`, async () => {
    const mark = `PCT_MARK=${victim.length}x${process.pid}x${Date.now()}`;
    const [name, value] = mark.split("=");
    const file = manifestFile(pods);
    // Once with the agents of two nodes, too.
    const agents = victim === "the command" ? [] : ["--no-enforce"];
    const args = ["lab", "run", "-f", file.path, ...agents, "--probe", "-"];
    const { child, ended } = startProgram(args, manyQueries(), { [String(name)]: value });
    try {
      const inner = () => processesWith(mark).filter((pid) => isFirstOfItsTree(pid));
      await until(
        () => inner().length === 1,
        () => "the lab did not start",
      );
      const [lab = 0] = inner();
      let said = "it runs";
      void ended.then((end) => (said = `it ended: ${JSON.stringify(end).slice(-1000)}`));
      await until(
        () => namespacesOf(lab).length >= 6,
        () => `the namespaces were not made; ${said}`,
      );
      const running = agents.length === 0 ? 5 : 3;
      await until(
        () => processesWith(mark).length >= running,
        () => "the agents were not started",
      );
      await pause(100);
      const all = processesWith(mark);
      const unshare = all.find((pid) => commandOf(pid).startsWith("unshare"));
      const target = { "the command": child.pid, unshare, "the lab itself": lab }[victim];
      assert.ok(target !== undefined && all.includes(target), `no process to kill: ${all.map(commandOf).join("; ")}`);
      process.kill(target, "SIGKILL");
      await until(
        () => processesWith(mark).length === 0,
        () => "processes are left",
      );
      const { code } = await ended;
      assert.notEqual(code, 0);
      assert.deepEqual(traces(), []);
    } finally {
      for (const pid of processesWith(mark)) process.kill(pid, "SIGKILL");
      file.dispose();
    }
  });
}

/** Empty if the process has ended since it was listed. */
function procFile(pid: number, name: "cmdline" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function commandOf(pid: number): string {
  return procFile(pid, "cmdline").replaceAll("\0", " ");
}

/**
 * NSpid lists a process' ids in each nested namespace; the first of a tree is 1 in the innermost. (So is, for a
 * moment, what the command starts to see whether namespaces are permitted.)
 */
function isFirstOfItsTree(pid: number): boolean {
  const ids = /^NSpid:\s+(.*)$/m.exec(procFile(pid, "status"))?.[1]?.split("\t") ?? [];
  return ids.length > 1 && ids.at(-1) === "1" && commandOf(pid).includes("lab run");
}

test("several labs at once do not meet", async () => {
  const file = manifestFile(pods);
  try {
    const args = ["lab", "run", "-f", file.path, "--no-enforce", "--probe", "all"];
    const runs = await Promise.all([1, 2, 3].map(() => runProgram(args)));
    for (const { code, stdout, stderr } of runs) {
      assert.equal(code, 0, stderr);
      assert.deepEqual(
        [...answersOf(stdout).values()].map(({ verdict }) => verdict),
        ["allow", "allow"],
      );
    }
    assert.deepEqual(traces(), []);
  } finally {
    file.dispose();
  }
});

const nobody = 65534;

test("without root an unprivileged user namespace does", (context) => {
  if (process.getuid?.() !== 0) return context.skip("this run is without root already");
  const as = ["--reuid", String(nobody), "--regid", String(nobody), "--clear-groups"];
  const permitted = spawnSync("setpriv", [...as, "unshare", "--user", "--map-root-user", "--net", "true"]);
  if (permitted.status !== 0) return context.skip(`the kernel refuses: ${String(permitted.stderr)}`);
  const reading = `require("node:fs").accessSync(${JSON.stringify(main)})`;
  if (spawnSync("setpriv", [...as, process.execPath, "-e", reading]).status !== 0) {
    return context.skip("others than root cannot read this clone");
  }
  const file = manifestFile(pods);
  try {
    chmodSync(dirname(file.path), 0o755);
    const args = ["lab", "run", "-f", file.path, "--no-enforce", "--probe", "all"];
    const run = spawnSync("setpriv", [...as, process.execPath, "--no-warnings", main, ...args], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(answersOf(run.stdout).size, 2);
  } finally {
    file.dispose();
  }
  return undefined;
});
