import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { layoutVersion } from "../../src/dataplane/nftables/render/base-sets.ts";
import { networkPolicy } from "../ask.ts";
import { type Folder, createFolder } from "../faults/folder.ts";
import { type AgentProcess, createTraffic, main as ours, startAgent, untilReady } from "../faults/processes.ts";
import { type Site, buildSite, missingForSites, nft, podAddresses } from "../faults/site.ts";
import { lossesOf } from "./losses.ts";
import { type TwoNodes, buildTwoNodes, twoNodeObjects } from "./two-nodes.ts";
import { type OldProgram, unpack, whyNoHistory } from "./versions.ts";

const noSites = missingForSites() ?? false;
const noHistory = whyNoHistory("0.1");

/** Nothing but policies of this test says anything about it. */
const flipPort = 7100;

const audit = { annotations: { "portcullis.dev/mode": "audit" } };

let folder: Folder;
const agents: AgentProcess[] = [];

function begin(node: string, program: string, socket = folder.socket, more: readonly string[] = []): AgentProcess {
  const agent = startAgent({ node }, folder.path, socket, more, "pipe", program);
  agents.push(agent);
  return agent;
}

/** Allows the client the port, or no more; said while no agent is there to see it. */
function flip(allowed: boolean): void {
  const from = [{ podSelector: { matchLabels: { app: "client" } } }];
  const ingress = allowed ? [{ from, ports: [{ port: flipPort }] }] : [];
  const policy = networkPolicy("shop/flip", { podSelector: { matchLabels: { app: "server" } }, ingress });
  folder.write("flip.json", JSON.stringify(policy));
}

/** Whether the client gets a connection to the port that is flipped. */
function clientGetsThrough(client: string): boolean {
  const script = `const s = require("node:net").connect(${flipPort}, "${podAddresses.server}");
    s.on("connect", () => process.exit(0)); s.on("error", () => process.exit(1)); setTimeout(() => process.exit(2), 300);`;
  return spawnSync("ip", ["netns", "exec", client, process.execPath, "-e", script]).status === 0;
}

/** Runs `act` while allowed and forbidden packets are sent and the folder changes; nothing may slip or be lost. */
async function underTraffic(pods: Site["pods"], act: () => Promise<void>): Promise<void> {
  const listening = `require("node:net").createServer((s) => s.destroy()).listen(${flipPort})`;
  const listener = spawn("ip", ["netns", "exec", pods.server, process.execPath, "-e", listening], { stdio: "ignore" });
  const traffic = await createTraffic({ pods });
  let round = 0;
  const load = setInterval(() => folder.change((round += 1)), 15);
  try {
    traffic.start();
    await act();
    clearInterval(load);
    assert.deepEqual(lossesOf(await traffic.finish()), []);
  } finally {
    clearInterval(load);
    await traffic.close();
    const ended = once(listener, "exit");
    listener.kill("SIGKILL");
    await ended;
  }
}

const rulesOf = (node: string): string => nft(node, "list", "table", "inet", "portcullis");

/** What only tables of this version have. */
function assertOurs(node: string): void {
  const rules = rulesOf(node);
  assert.ok(rules.includes(`elements = { 0x0000000${layoutVersion} }`), "the layout's version");
  assert.ok(rules.includes('log prefix "portcullis deny ingress isolated" group 9080'), "rules of the drop log");
}

/** What its agent was about when it is killed differs from round to round. */
async function killSoon(agent: AgentProcess, milliseconds: number): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!agent.log().includes("listening") && performance.now() < deadline) await pause(2);
  await pause(milliseconds);
  await agent.kill("SIGKILL");
}

describe("an agent in place of one of another version", { skip: noSites, timeout: 120_000 }, () => {
  let site: Site;
  let old: OldProgram | null = null;
  before(() => {
    site = buildSite();
    folder = createFolder();
    if (noHistory === null) old = unpack("0.1");
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
  });
  after(() => {
    old?.remove();
    site.remove();
    folder.removeAll();
  });

  it("takes over the table of version 0.1, as that wrote it", async () => {
    nft(site.node, "-f", join(import.meta.dirname, "..", "nftables", "layout-1.nft"));
    await underTraffic(site.pods, async () => {
      await pause(200);
      flip(true);
      const agent = begin(site.node, ours);
      await untilReady(folder.socket);
      assert.equal(clientGetsThrough(site.pods.client), true);
      assertOurs(site.node);
      assert.match(agent.log(), /is of layout without a number/);
      await agent.kill("SIGTERM");
    });
  });

  it(
    "old to new and new to old: enforces what changed in between, lets nothing through, cuts nothing",
    { skip: noHistory ?? false },
    async () => {
      const first = begin(site.node, must(old).main);
      await untilReady(folder.socket);
      await underTraffic(site.pods, async () => {
        await pause(200);
        await first.kill("SIGTERM");
        let allowed = false;
        const turns = [ours, must(old).main, ours, must(old).main, ours] as const;
        for (const [index, program] of turns.entries()) {
          allowed = !allowed;
          flip(allowed);
          // One that is killed while it takes over, by a hand-over's three times 20 ms or thereabouts.
          await killSoon(begin(site.node, program), 15 * (index + 1));
          const agent = begin(site.node, program);
          await untilReady(folder.socket);
          assert.equal(clientGetsThrough(site.pods.client), allowed, `turn ${index}`);
          if (program === ours) assertOurs(site.node);
          await agent.kill(index % 2 === 0 ? "SIGKILL" : "SIGTERM");
        }
      });
    },
  );

  it("after the hand-over audits, which 0.1 did not know", async () => {
    begin(site.node, ours);
    await untilReady(folder.socket, folder.digest());
    const audits = /counter audit-deny[^{]*\{[^}]*shop\/tried/;
    assert.ok(!audits.test(rulesOf(site.node)));
    const audited = networkPolicy("shop/tried", { podSelector: { matchLabels: { app: "client" } } }, audit);
    folder.write("tried.json", JSON.stringify(audited));
    await untilReady(folder.socket, folder.digest());
    assert.ok(audits.test(rulesOf(site.node)), rulesOf(site.node));
  });
});

describe("nodes of different versions", { skip: noSites || (noHistory ?? false), timeout: 120_000 }, () => {
  let site: TwoNodes;
  let old: OldProgram;
  before(() => {
    site = buildTwoNodes();
    folder = createFolder();
    old = unpack("0.1");
    folder.write("fixed.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: twoNodeObjects }));
  });
  after(async () => {
    for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
    old.remove();
    site.remove();
    folder.removeAll();
  });

  it("agree about what goes from one to the other, while one after the other is upgraded, and back", async () => {
    const sockets = [folder.socket, `${folder.socket}2`] as const;
    const running: AgentProcess[] = [];
    const run = (index: 0 | 1, program: string): void => {
      running[index] = begin(site.nodes[index], program, sockets[index], ["--node-name", `node-${index + 1}`]);
    };
    run(0, old.main);
    run(1, old.main);
    for (const socket of sockets) await untilReady(socket);
    await underTraffic(site.pods, async () => {
      let allowed = false;
      const turns = [
        [0, ours],
        [1, ours],
        [0, old.main],
        [1, old.main],
        [1, ours],
      ] as const;
      for (const [index, program] of turns) {
        await pause(100);
        await running[index]?.kill(index === 0 ? "SIGTERM" : "SIGKILL");
        allowed = !allowed;
        flip(allowed);
        run(index, program);
        await untilReady(sockets[index]);
        // The other one has seen it while it ran; it may be a moment later.
        await pause(200);
        assert.equal(clientGetsThrough(site.pods.client), allowed);
      }
    });
  });
});

function must<T>(value: T | null): T {
  if (value === null) throw new Error("it is there where this runs");
  return value;
}
