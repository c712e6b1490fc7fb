import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { networkPolicy } from "../ask.ts";
import { type Folder, createFolder } from "../faults/folder.ts";
import { type AgentProcess, main as ours, untilReady } from "../faults/processes.ts";
import { type Site, buildSite, missingForSites, nft } from "../faults/site.ts";
import { handOvers } from "./hand-overs.ts";
import { type Scene, assertOurs, createScene, rulesOf } from "./scene.ts";
import { type TwoNodes, buildTwoNodes, twoNodeObjects } from "./two-nodes.ts";
import { type OldProgram, released, unpack, whyNoHistory } from "./versions.ts";

const noSites = missingForSites();
const noHistory = noSites ?? whyNoHistory(released["0.1"]);

describe("an agent that finds a table of version 0.1", { skip: noSites ?? false, timeout: 60_000 }, () => {
  let site: Site;
  let folder: Folder;
  let scene: Scene;
  before(() => {
    site = buildSite();
    folder = createFolder();
    scene = createScene(folder, site.pods);
  });
  afterEach(() => scene.end());
  after(() => {
    site.remove();
    folder.removeAll();
  });

  it("takes it over as that wrote it, and does what changed meanwhile", async () => {
    nft(site.node, "-f", join(import.meta.dirname, "..", "nftables", "layout-1.nft"));
    const problems = await scene.underTraffic(async () => {
      await pause(200);
      scene.flip(true);
      const agent = scene.begin(site.node, ours);
      await untilReady(folder.socket);
      assert.equal(scene.clientGetsThrough(), true);
      assertOurs(site.node);
      assert.match(agent.log(), /is of layout without a number/);
    });
    assert.deepEqual(problems, []);
  });

  it("audits from then on, which 0.1 did not know", async () => {
    scene.begin(site.node, ours);
    await untilReady(folder.socket, folder.digest());
    const audits = /counter audit-deny[^{]*\{[^}]*shop\/tried/;
    assert.ok(!audits.test(rulesOf(site.node)));
    const metadata = { annotations: { "portcullis.dev/mode": "audit" } };
    const audited = networkPolicy("shop/tried", { podSelector: { matchLabels: { app: "client" } } }, metadata);
    folder.write("tried.json", JSON.stringify(audited));
    await untilReady(folder.socket, folder.digest());
    assert.ok(audits.test(rulesOf(site.node)), rulesOf(site.node));
  });
});

describe("agents of version 0.1 and of this one", { skip: noHistory ?? false, timeout: 120_000 }, () => {
  let old: OldProgram;
  before(() => {
    old = unpack(released["0.1"]);
  });
  after(() => old.remove());

  // `npm run faults:upgrade -- --rounds 50` does more of it.
  it("take over from each other: what changed is enforced, nothing slips, nothing is lost", async (context) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    context.diagnostic(`seed ${seed}`);
    assert.deepEqual(await handOvers({ other: old.main, rounds: 3, seed }), [], `seed ${seed}`);
  });

  it("on two nodes agree about what goes from one to the other, while one after the other is upgraded", async () => {
    const site: TwoNodes = buildTwoNodes();
    const folder = createFolder();
    const scene = createScene(folder, site.pods);
    folder.write("fixed.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: twoNodeObjects }));
    const sockets = [folder.socket, `${folder.socket}2`] as const;
    const running: AgentProcess[] = [];
    const run = (index: 0 | 1, program: string): void => {
      const name = ["--node-name", `node-${index + 1}`];
      running[index] = scene.begin(site.nodes[index], program, sockets[index], name);
    };
    try {
      run(0, old.main);
      run(1, old.main);
      for (const socket of sockets) await untilReady(socket);
      const problems = await scene.underTraffic(async () => {
        let allowed = false;
        const turns = [
          [0, ours],
          [1, ours],
          [0, old.main],
        ] as const;
        for (const [index, program] of turns) {
          await pause(100);
          await running[index]?.kill(index === 0 ? "SIGTERM" : "SIGKILL");
          allowed = !allowed;
          scene.flip(allowed);
          run(index, program);
          await untilReady(sockets[index]);
          // The other one saw it while it ran; it may be a moment later.
          await pause(200);
          assert.equal(scene.clientGetsThrough(), allowed);
        }
      });
      assert.deepEqual(problems, []);
    } finally {
      await scene.end();
      site.remove();
      folder.removeAll();
    }
  });
});
