import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readNodeState } from "../../src/agent/node-state.ts";
import { formatCidr } from "../../src/net/cidr.ts";
import { type Folder, createFolder } from "./folder.ts";
import { type AgentProcess, type Traffic, createTraffic, startAgent, untilReady } from "./processes.ts";
import { type Site, buildSite, missingForSites, nft, podAddresses, podRange } from "./site.ts";
import { ports } from "./traffic.ts";

const skip = missingForSites() ?? false;
const root = join(import.meta.dirname, "..", "..");
const main = join(root, "src", "cli", "main.ts");

let site: Site;
let folder: Folder;
let stateFile: string;
const agents: AgentProcess[] = [];

function begin(): AgentProcess {
  const agent = startAgent(site, folder.path, folder.socket, ["--state-file", stateFile]);
  agents.push(agent);
  return agent;
}

/** What the unit runs at a boot, with the program and the namespace of the test. */
function bootUnit(...more: readonly string[]) {
  const unit = readFileSync(join(root, "deploy", "portcullis-boot.service"), "utf8");
  const words = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
  assert.equal(words[0], "/usr/local/bin/portcullis");
  const args = [...words.slice(1), "--netns", site.node, "--state-file", stateFile, ...more];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", main, ...args], {
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}

/** The kernel of a node that has just booted: no rules, no connections. */
function reboot(): void {
  nft(site.node, "flush", "ruleset");
  spawnSync("ip", ["netns", "exec", site.node, "conntrack", "-F"]);
}

/** Whether the node itself (its kubelet) gets a connection to the server. */
function nodeReachesServer(): boolean {
  const script = `const s = require("node:net").connect(${ports.tcp}, "${podAddresses.server}");
    s.on("connect", () => process.exit(0)); s.on("error", () => process.exit(1)); setTimeout(() => process.exit(2), 700);`;
  return spawnSync("ip", ["netns", "exec", site.node, process.execPath, "-e", script]).status === 0;
}

async function eventually(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen in 10 s`);
    await sleep(50);
  }
}

/** Runs pods that send all the time, forbidden things too, while `act` runs. */
async function underTraffic<T>(act: (traffic: Traffic) => Promise<T>): Promise<T> {
  const traffic = await createTraffic(site);
  try {
    traffic.start();
    return await act(traffic);
  } finally {
    await traffic.close();
  }
}

describe("a node that boots", { skip, timeout: 120_000 }, () => {
  before(async () => {
    site = buildSite();
    folder = createFolder();
    stateFile = join(folder.path, "..", "state", "node.json");
    const agent = begin();
    await untilReady(folder.socket);
    assert.equal(await agent.kill("SIGTERM"), 0);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
  });
  after(() => {
    site.remove();
    folder.removeAll();
  });

  it("finds what the agent wrote down before", () => {
    const read = readNodeState(readFileSync(stateFile, "utf8"));
    assert.ok(read.ok);
    assert.equal(read.state.node.name, "node-1");
    assert.deepEqual(read.state.node.ranges.map(formatCidr), [podRange]);
    assert.deepEqual(read.state.node.gateways, ["10.77.1.1"]);
  });

  it("is open without the unit: what follows would be noticed", async () => {
    reboot();
    await underTraffic(async (traffic) => {
      await eventually(async () => (await traffic.report("server")).forbidden.length > 0, "forbidden traffic");
    });
  });

  it("is closed by the unit, and opens to what policies allow, to nothing else, at any moment", async () => {
    reboot();
    assert.deepEqual(bootUnit(), { status: 0, said: `closed ${podRange} until the agent knows its pods\n` });
    await underTraffic(async (traffic) => {
      await sleep(1000);
      const [client, server] = [await traffic.report("client"), await traffic.report("server")];
      assert.ok(client.sent > 100 && client.forbiddenSent > 100, "the pods were sending");
      assert.equal(nodeReachesServer(), false, "no pod is known yet, to the node neither (semantics, 10)");
      assert.deepEqual([client.returned, client.streamReturned, server.forbidden.length], [0, 0, 0]);
      begin();
      await untilReady(folder.socket);
      await eventually(async () => (await traffic.report("client")).returned > 100, "allowed traffic");
      await eventually(async () => (await traffic.report("client")).streamReturned > 100, "the allowed stream");
      const { stranger, ...reports } = await traffic.finish();
      assert.ok(stranger.forbiddenSent > 500);
      for (const { forbidden } of [stranger, reports.client, reports.server]) assert.deepEqual(forbidden, []);
      assert.equal(nodeReachesServer(), true);
    });
    const inForce = nft(site.node, "-s", "list", "ruleset");
    assert.match(bootUnit().said, /the rules of Portcullis are in this kernel: they stay as they are/);
    assert.equal(nft(site.node, "-s", "list", "ruleset"), inForce);
  });

  it("takes the ranges from the command line too", () => {
    reboot();
    const ranges = ["--pod-cidr", "10.9.0.0/24", "--pod-cidr", "fd00:9::/64"];
    assert.match(bootUnit(...ranges).said, /closed 10.9.0.0\/24 .*\nclosed fd00:9::\/64 /);
    assert.match(nft(site.node, "list", "table", "inet", "portcullis"), /10\.9\.0\.0\/24/);
  });

  it("closes nothing where nothing is known, and says so", () => {
    reboot();
    const written = readFileSync(stateFile, "utf8");
    const rules = () => nft(site.node, "list", "ruleset");
    try {
      rmSync(stateFile);
      const none = bootUnit();
      assert.deepEqual([none.status, rules()], [0, ""]);
      assert.match(none.said, /no agent has run here yet/);
      writeFileSync(stateFile, written.slice(0, -20));
      const broken = bootUnit();
      assert.deepEqual([broken.status, rules()], [3, ""]);
      assert.match(broken.said, /node\.json: it is not JSON: remove it/);
      assert.equal(bootUnit("--tolerant").status, 0);
      writeFileSync(stateFile, written.replace('"drop"', '"accept"'));
      assert.match(bootUnit().said, /unknown addresses are accepted/);
      assert.equal(rules(), "");
    } finally {
      writeFileSync(stateFile, written);
    }
  });

  it("cleanup takes along what the next boot would close", () => {
    const args = ["--no-warnings", main, "cleanup", "--state-file", stateFile];
    const { stdout } = spawnSync("ip", ["netns", "exec", site.node, process.execPath, ...args], { encoding: "utf8" });
    assert.ok(stdout.includes(`removed ${stateFile}\n`), stdout);
    assert.equal(existsSync(stateFile), false);
  });
});
