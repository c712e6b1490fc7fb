import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { learnedFor } from "../../src/agent/learned.ts";
import { readNodeState } from "../../src/agent/node-state.ts";
import { parseAddress } from "../../src/net/address.ts";
import { namespace, networkPolicy, node, pod } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import { freshPort, reachesTcp } from "../contract/fixture.ts";
import { Udp } from "../contract/sockets.ts";
import { lives, opened, passes } from "../contract/stream-pairs.ts";
import { type Folder, createFolder } from "./folder.ts";
import { type AgentProcess, main, startAgent, untilReady } from "./processes.ts";
import { type PodName, type Site, buildSite, missingForSites, nft, podAddresses, podRange } from "./site.ts";

let site: Site;
let folder: Folder;
let stateFile: string;
const agents: AgentProcess[] = [];

/** What runs in a pod's namespace, whatever pod the API says that it is. The site has no IPv6. */
function host(name: PodName) {
  const [v4, v6] = [parseAddress(podAddresses[name]), parseAddress("100::")];
  assert.ok(v4 !== null && v6 !== null);
  return { netns: site.pods[name], v4, v6 };
}

const reaches = (from: PodName, to: PodName): Promise<boolean> => reachesTcp(host(from), host(to), freshPort());

async function begin(...more: readonly string[]): Promise<AgentProcess> {
  const agent = startAgent(site, folder.path, folder.socket, ["--state-file", stateFile, ...more]);
  agents.push(agent);
  await untilReady(folder.socket, folder.digest());
  return agent;
}

/** A pod of node-1 under the address of one of the namespaces. */
function podAt(where: PodName, name: string, app: string, more: Parameters<typeof pod>[2] = {}): ApiObject {
  return pod(`shop/${name}`, podAddresses[where], { labels: { app }, spec: { nodeName: "node-1" }, ...more });
}

const fixed = (podCidrs: readonly string[]): readonly ApiObject[] => [
  node("node-1", ["192.168.77.1"], podCidrs),
  namespace("shop"),
  podAt("server", "server", "server"),
  podAt("client", "client", "client"),
  networkPolicy("shop/server", {
    podSelector: { matchLabels: { app: "server" } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: "client" } } }] }],
  }),
];

const write = (name: string, items: readonly ApiObject[]): void =>
  folder.write(name, JSON.stringify({ apiVersion: "v1", kind: "List", items }));

/** What the API says of pods under the stranger's address; waits until it is enforced. */
async function say(...items: readonly ApiObject[]): Promise<void> {
  write("guests.json", items);
  await untilReady(folder.socket, folder.digest());
}

function useSite(podCidrs: readonly string[]): void {
  before(() => {
    site = buildSite();
    folder = createFolder();
    stateFile = join(folder.path, "..", "node.json");
    write("fixed.json", fixed(podCidrs));
  });
  beforeEach(() => write("guests.json", []));
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill("SIGKILL");
    rmSync(stateFile, { force: true });
  });
  after(() => {
    site.remove();
    folder.removeAll();
  });
}

const skip = missingForSites() ?? false;

describe("an address that goes from pod to pod", { skip, timeout: 60_000 }, () => {
  useSite([podRange]);

  it("takes along no connection: neither at once, nor by way of nobody", async () => {
    await begin();
    for (const steps of [[[podAt("stranger", "next", "other")]], [[], [podAt("stranger", "next", "other")]]]) {
      await say(podAt("stranger", "first", "client"));
      const kept = await opened(host("client"), host("server"));
      const open = await opened(host("stranger"), host("server"));
      assert.ok(await lives(open));
      for (const step of steps) await say(...step);
      assert.equal(await passes(open.client, open.server), false);
      assert.equal(await passes(open.server, open.client), false);
      assert.equal(await reaches("stranger", "server"), false);
      assert.ok(await lives(kept), "others are left alone");
    }
  });

  it("belongs to the same name with other labels as that, with its open connections", async () => {
    await begin();
    await say(podAt("stranger", "guest", "client"));
    const open = await opened(host("stranger"), host("server"));
    await say(podAt("stranger", "guest", "other"));
    assert.equal(await passes(open.client, open.server), false);
    assert.equal(await reaches("stranger", "server"), false);
    await say(podAt("stranger", "guest", "client"));
    assert.equal(await reaches("stranger", "server"), true);
  });

  it("is the newer one's of two live pods; when that goes, it is the older one's again", async () => {
    await begin();
    const older = podAt("stranger", "older", "client", { creationTimestamp: "2026-01-01T00:00:00Z" });
    const newer = podAt("stranger", "newer", "other", { creationTimestamp: "2026-01-01T00:00:01Z" });
    await say(older);
    const open = await opened(host("stranger"), host("server"));
    await say(older, newer);
    assert.equal(await reaches("stranger", "server"), false);
    assert.equal(await passes(open.client, open.server), false);
    await say(older);
    assert.equal(await reaches("stranger", "server"), true);
  });

  it("is nobody's when its pod has finished, and the next one's after that", async () => {
    await begin();
    await say(podAt("stranger", "job", "client"));
    const open = await opened(host("stranger"), host("server"));
    const finished = podAt("stranger", "job", "client", { status: { phase: "Succeeded" } });
    await say(finished);
    assert.equal(await passes(open.client, open.server), false);
    assert.equal(await reaches("client", "stranger"), false);
    await say(finished, podAt("stranger", "next", "other"));
    assert.equal(await reaches("client", "stranger"), true);
    assert.equal(await reaches("stranger", "server"), false);
    await say(finished, podAt("stranger", "next", "client"));
    assert.equal(await reaches("stranger", "server"), true);
  });
});

describe("an address of a node whose pod range nobody tells", { skip, timeout: 60_000 }, () => {
  useSite([]);
  const guest = () => podAt("stranger", "guest", "client");
  const ranges = (): string => nft(site.node, "list", "set", "inet", "portcullis", "range4");

  it("is shut as soon as its pod is gone, until the next pod is known; nothing else is", async () => {
    await begin();
    assert.equal(await reaches("stranger", "client"), true, "never seen: open, as the docs say");
    await say(guest());
    assert.equal(await reaches("stranger", "server"), true);
    const open = await opened(host("stranger"), host("server"));
    await say();
    assert.equal(await passes(open.client, open.server), false);
    // The namespace has the address already, and the API does not know of it yet.
    for (const other of ["client", "server"] as const) {
      assert.equal(await reaches("stranger", other), false);
      assert.equal(await reaches(other, "stranger"), false);
    }
    assert.equal(await reaches("client", "server"), true);
    await say(podAt("stranger", "next", "other"));
    assert.deepEqual([await reaches("stranger", "client"), await reaches("stranger", "server")], [true, false]);
    await say(podAt("stranger", "elsewhere", "client", { spec: { nodeName: "node-2" } }));
    assert.equal(await reaches("stranger", "server"), true, "a pod elsewhere is known");
  });

  it("stays shut while its neighbours are learned, one after the other", async () => {
    await begin();
    await say(guest());
    await say();
    const port = freshPort();
    const there = Udp.open(site.pods.client, host("client").v4, port);
    const here = Udp.open(site.pods.stranger, host("stranger").v4, freshPort());
    let sent = 0;
    const sending = setInterval(() => {
      for (let count = 0; count < 5; count += 1) here.send(host("client").v4, port, `${(sent += 1)}`);
    }, 1);
    try {
      // Each makes the interval that the address is in another one.
      const neighbours: ApiObject[] = [];
      for (let last = 14; last < 34; last += 1) {
        neighbours.push(pod(`shop/n${last}`, `10.77.1.${last}`, { spec: { nodeName: "node-1" } }));
        await say(...neighbours);
      }
      assert.match(ranges(), /10\.77\.1\.11-10\.77\.1\.33/);
      assert.equal(await there.receive(), null);
      assert.ok(sent > 500, `${sent} sent`);
      await say(guest());
      assert.notEqual(await there.receive(), null, "now it is known");
    } finally {
      clearInterval(sending);
      here.close();
      there.close();
    }
  });

  it("stays shut over a restart of the agent, also if the pod went meanwhile, and opens after a time", async () => {
    const first = await begin();
    await say(guest());
    await first.kill("SIGTERM");
    write("guests.json", []);
    const second = await begin();
    assert.equal(await reaches("stranger", "client"), false);
    await second.kill("SIGTERM");
    // A node that boots: what its pods held is shut before anything else is known.
    nft(site.node, "flush", "ruleset");
    const close = ["--no-warnings", main, "close", "--netns", site.node, "--state-file", stateFile];
    const { stdout } = spawnSync(process.execPath, close, { encoding: "utf8" });
    assert.match(stdout, /^closed 10\.77\.1\.13\/32 until the agent knows its pods$/m);
    assert.deepEqual([await reaches("stranger", "client"), await reaches("client", "server")], [false, false]);
    const read = readNodeState(readFileSync(stateFile, "utf8"));
    assert.ok(read.ok);
    const since = read.state.learned.get(host("stranger").v4);
    assert.ok(typeof since === "number" && Math.abs(Date.now() - since) < 30_000);
    // As if it had been two seconds less than the agreed time.
    const earlier = new Date(Date.now() - learnedFor + 2000).toISOString();
    const text = readFileSync(stateFile, "utf8");
    writeFileSync(stateFile, text.replace(new Date(since).toISOString(), earlier));
    await begin();
    assert.equal(await reaches("stranger", "client"), false);
    assert.match(ranges(), /10\.77\.1\.11-10\.77\.1\.13/);
    await sleep(2200);
    assert.equal(await reaches("stranger", "client"), true);
    assert.match(ranges(), /10\.77\.1\.11-10\.77\.1\.12/);
    assert.equal(await reaches("stranger", "server"), false, "nor is it a client now");
  });

  it("is as open as any other where unknown addresses are accepted", async () => {
    await begin("--unknown-pods", "accept");
    await say(guest());
    await say();
    assert.equal(await reaches("stranger", "client"), true);
    assert.equal(await reaches("stranger", "server"), false);
  });
});
