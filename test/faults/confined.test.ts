import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Folder, createFolder } from "./folder.ts";
import { ask, createTraffic, untilReady } from "./processes.ts";
import { type Site, buildSite, missingForSites, nft } from "./site.ts";

const skip = missingForSites() ?? false;
const root = join(import.meta.dirname, "..", "..");

let site: Site;
let folder: Folder;
let place: string;
const children: ChildProcess[] = [];

/** Runs `portcullis` in the node's own network namespace as the chart's container does. */
function confined(capabilities: string, ...args: readonly string[]) {
  const portcullis = [process.execPath, "--no-warnings", join(root, "src", "cli", "main.ts"), ...args];
  const confine = [process.execPath, "--no-warnings", join(import.meta.dirname, "confine.ts"), place, capabilities];
  const words = ["netns", "exec", site.node, "unshare", "--mount", "--propagation", "private"];
  const child = spawn("ip", [...words, ...confine, ...portcullis], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "exit");
  return { child, said: () => said, ended: async () => ((await ended) as [number | null])[0] };
}

const agent = (capabilities: string) =>
  confined(
    capabilities,
    "agent",
    "--node-name=node-1",
    `--filename=${folder.path}`,
    "--log-format=json",
    "--exempt-namespace=nobody",
    "--metrics-bind-address=unix:/run/portcullis/http.sock",
    "--socket=/run/portcullis/agent.sock",
    "--state-file=/var/lib/portcullis/node.json",
  );

/** The process that the confined command became, by the network namespace's list. */
function processOf(text: string): string {
  const pids = spawnSync("ip", ["netns", "pids", site.node], { encoding: "utf8" }).stdout.trim().split("\n");
  const found = pids.filter((pid) => {
    const words = existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0") : [];
    return words.includes(text) && words[2]?.endsWith("main.ts");
  });
  assert.equal(found.length, 1);
  return readFileSync(`/proc/${found[0]}/status`, "utf8");
}

describe("under what the chart gives it", { skip, timeout: 120_000 }, () => {
  before(() => {
    site = buildSite();
    folder = createFolder();
    place = join(folder.path, "..", "place");
    mkdirSync(place);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
  });
  after(() => {
    site.remove();
    folder.removeAll();
  });

  it("the agent enforces: CAP_NET_ADMIN alone, a read-only root, two writable folders", async () => {
    const running = agent("+net_admin");
    const socket = join(place, "run", "http.sock");
    await untilReady(socket);
    const status = processOf("agent");
    assert.match(status, /^CapEff:\s*0000000000001000$/m);
    assert.match(status, /^CapBnd:\s*0000000000001000$/m);
    assert.match(status, /^NoNewPrivs:\s*1$/m);
    const traffic = await createTraffic(site);
    try {
      traffic.start();
      await sleep(700);
      const { client, server, stranger } = await traffic.finish();
      assert.ok(client.returned > 50 && stranger.forbiddenSent > 50);
      for (const { forbidden } of [client, server, stranger]) assert.deepEqual(forbidden, []);
    } finally {
      await traffic.close();
    }
    // What the file of state, the socket of commands and the counters need is there too.
    assert.ok(existsSync(join(place, "state", "node.json")));
    assert.ok(existsSync(join(place, "run", "agent.sock")));
    assert.match(
      (await ask(socket, "/metrics"))?.body ?? "",
      /^portcullis_policy_decisions_packets_total\{.*\} [1-9]/m,
    );
    assert.doesNotMatch(running.said(), /"level":"(warn|error)"/, running.said());
    assert.match(running.said(), /"exempt_namespaces":\["nobody"\]/);
  });

  it("nothing of that is too much: without CAP_NET_ADMIN it says what it lacks, and enforces nothing", async () => {
    nft(site.node, "flush", "ruleset");
    const running = agent("");
    const socket = join(place, "run", "http.sock");
    const deadline = performance.now() + 10_000;
    while (!running.said().includes("CAP_NET_ADMIN")) {
      assert.ok(performance.now() < deadline, running.said());
      await sleep(50);
    }
    assert.equal((await ask(socket, "/readyz"))?.status, 503);
    assert.equal((await ask(socket, "/healthz"))?.status, 200, "a restart would not help");
    assert.equal(nft(site.node, "list", "ruleset"), "");
  });

  it("the container that closes the node before the agent starts has enough too", async () => {
    const closing = confined("+net_admin", "close", "--tolerant", "--state-file=/var/lib/portcullis/node.json");
    assert.equal(await closing.ended(), 0);
    assert.match(closing.said(), /^closed 10\.77\.1\.0\/24 /);
    assert.match(nft(site.node, "list", "ruleset"), /10\.77\.1\.0\/24/);
  });
});
