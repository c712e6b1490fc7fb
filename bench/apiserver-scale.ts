/**
 * One agent, the real process, in front of a whole cluster: an API server of 150,000 pods, 10,000 policies and 5,000
 * nodes (scripted, a process of its own, TLS and HTTP/2), a kernel in a network namespace of the bench's own.
 *   node bench/apiserver-scale.ts [pods policies nodes]
 * Prints the time from the start to all enforced, memory at the peak and at rest, bytes and CPU at rest and at 500
 * changes of pods a second.
 */
import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority } from "../test/connect/authority.ts";
import type { FromServer, ToServer } from "./apiserver-server.ts";
import { nodeNameOf } from "./cluster.ts";

const [pods = 150_000, policies = 10_000, nodes = 5000] = process.argv.slice(2).map(Number);
const size = { pods, policies, nodes, namespaces: Math.max(1, Math.ceil(pods / 100)) };
const netns = `pcb-${process.pid}-scale`;
const bind = "127.0.0.1:19080";
const clockTicks = 100;

const folder = mkdtempSync(join(tmpdir(), "pcb-scale-"));
const authority = createAuthority("bench");
const issued = authority.issue("/CN=server", ["IP:127.0.0.1"]);
const server = fork(join(import.meta.dirname, "apiserver-server.ts"), { execArgv: ["--no-warnings"] });
const send = (message: ToServer): void => void server.send(message);

async function next<K extends FromServer["kind"]>(kind: K): Promise<FromServer & { kind: K }> {
  for (;;) {
    const [message] = (await once(server, "message")) as [FromServer];
    if (message.kind === kind) return message as FromServer & { kind: K };
  }
}

async function counts() {
  const answer = next("counts");
  send({ kind: "ask" });
  return answer;
}

function kubeconfig(port: number): string {
  const path = join(folder, "kubeconfig");
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    "certificate-authority-data": Buffer.from(authority.certificate).toString("base64"),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { token: "bench" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Megabytes, from /proc. */
function memory(pid: number): { readonly peak: number; readonly now: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) / 1024);
  return { peak: of("VmHWM"), now: of("VmRSS") };
}

/** Seconds of CPU that a process has taken. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / clockTicks;
}

async function ready(): Promise<boolean> {
  const answer = await fetch(`http://${bind}/readyz`).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.status === 200;
}

async function measure(pid: number, what: string, seconds: number): Promise<void> {
  const before = await counts();
  const [cpuBefore, started] = [cpu(pid), performance.now()];
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - started) / 1000;
  const used = cpu(pid) - cpuBefore;
  const after = await counts();
  const changes = after.changes - before.changes;
  const total = Object.values(after.bytes).reduce((sum, one) => sum + one, 0);
  const bytes = total - Object.values(before.bytes).reduce((sum, one) => sum + one, 0);
  const share = ((100 * used) / elapsed).toFixed(1);
  const each =
    changes === 0 ? "" : `, ${Math.round(bytes / changes)} bytes and ${Math.round((used / changes) * 1e6)} µs a change`;
  console.log(
    `${what}: ${(changes / elapsed).toFixed(0)} changes/s, ${(bytes / elapsed / 1000).toFixed(1)} KB/s, ${share} % of a core${each}; ${memory(pid).now} MB`,
  );
}

async function run(): Promise<void> {
  console.log(`${new Date().toISOString().slice(0, 10)}, Linux ${release().split("-")[0]}, ${cpus().length} cores`);
  console.log(`${pods} pods, ${policies} policies, ${nodes} nodes, ${size.namespaces} namespaces`);
  const listening = next("listening");
  send({ kind: "begin", order: { size, key: issued.key, certificate: issued.certificate } });
  const { port } = await listening;
  execFileSync("ip", ["netns", "add", netns]);
  const main = join(import.meta.dirname, "..", "src", "cli", "main.ts");
  const flags = ["--kubeconfig", kubeconfig(port), "--netns", netns, "--metrics-bind-address", bind, "--socket", ""];
  const started = performance.now();
  const args = ["--no-warnings", main, "agent", "--node-name", nodeNameOf(1), ...flags];
  const agent = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const { pid = 0 } = agent;
  const serverBefore = cpu(server.pid ?? 0);
  try {
    while (!(await ready())) await sleep(20);
    console.log(
      `start of the process to all enforced: ${((performance.now() - started) / 1000).toFixed(1)} s, ${cpu(pid).toFixed(1)} s of CPU (the server ${(cpu(server.pid ?? 0) - serverBefore).toFixed(1)} s)`,
    );
    console.log(`memory when all is enforced: ${memory(pid).now} MB, at the peak ${memory(pid).peak} MB`);
    const { bytes } = await counts();
    for (const [path, count] of Object.entries(bytes)) console.log(`  read of ${path}: ${(count / 1e6).toFixed(2)} MB`);
    await sleep(8000);
    console.log(`memory at rest: ${memory(pid).now} MB`);
    await measure(pid, "at rest", 20);
    for (const changes of [50, 500]) {
      send({ kind: "rate", changes });
      await sleep(3000);
      await measure(pid, `churn`, 20);
    }
    send({ kind: "rate", changes: 0 });
    await sleep(5000);
    console.log(`memory after churn: ${memory(pid).now} MB, at the peak ${memory(pid).peak} MB`);
  } finally {
    agent.kill("SIGTERM");
    await once(agent, "exit");
  }
}

try {
  await run();
} finally {
  server.disconnect();
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
  execFileSync("ip", ["netns", "del", netns]);
}
