import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { dataplaneNames, openDataplane } from "../../src/dataplane/registry.ts";
import { pod } from "../ask.ts";
import { freshPort, podPeer, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";
import { until } from "./sockets.ts";
import { lives, opened, passes } from "./stream-pairs.ts";
import type { World } from "./world.ts";

/** What somebody else could do to a node's rules, by dataplane. */
const damages: Readonly<Record<string, (world: World) => readonly (() => void)[]>> = {
  nftables: ({ onNode, web }) => [
    () => onNode("nft", "flush", "ruleset"),
    () => onNode("nft", "delete", "table", "inet", "portcullis"),
    () => onNode("nft", "delete", "element", "inet", "portcullis", "in4", `{ ${web.v4} }`),
    () => onNode("nft", "insert", "rule", "inet", "portcullis", "forward", "accept"),
    () => onNode("nft", "insert rule inet portcullis forward tcp dport vmap { 1 : accept, 2 : drop }"),
    () => onNode("nft", "flush", "chain", "inet", "portcullis", "cut"),
    () => onNode("nft", "add", "table", "inet", "portcullis", "{ flags dormant; }"),
    () => onNode("nft", "add", "chain", "inet", "portcullis", "forward", "{ policy drop; }"),
    () => onNode("nft", "delete", "rule", "inet", "portcullis", "stamp", "handle", stampHandle(onNode)),
    () => onNode("nft", "add", "set", "inet", "portcullis", "foreign", "{ type inet_service; }"),
  ],
};

/** How somebody could let everybody in to the web pod, by dataplane. */
const openings: Readonly<Record<string, (world: World) => void>> = {
  nftables: ({ onNode, web }) => {
    onNode("nft", "delete", "element", "inet", "portcullis", "in4", `{ ${web.v4} }`);
    onNode("nft", "add", "element", "inet", "portcullis", "in4", `{ ${web.v4} : goto stamp }`);
  },
};

/** The handle of the rule that jumps to where the mark is set. */
function stampHandle(onNode: World["onNode"]): string {
  const listing = onNode("nft", "-a", "list", "chain", "inet", "portcullis", "stamp");
  return /jump set_generation # handle (\d+)/.exec(listing)?.[1] ?? "";
}

const allowClient = policyFor("in", "web", {
  ingress: [{ from: [podPeer("client")], ports: [{ protocol: "UDP", port: 53 }] }],
});

async function packets(dataplane: Dataplane, counter: string): Promise<bigint> {
  const found = (await dataplane.counters()).find(({ name }) => name === counter);
  assert.ok(found !== undefined, `no counter ${counter}`);
  return found.packets;
}

for (const name of dataplaneNames) {
  describe(`${name}: upkeep`, () => {
    const suite = useWorld(name);
    const counter = "NetworkPolicy/alpha/in ingress[0]";

    it("what there is to do is done once: a second sync and a check find nothing", async (context) => {
      const { dataplane, enforce } = suite.of(context);
      await enforce([allowClient]);
      const report = await dataplane.check();
      assert.deepEqual(report.differences, []);
      assert.equal(report.transactions, 0);
    });

    it("counters count decisions and survive what happens to other policies, and a restart", async (context) => {
      const { world, dataplane, enforce, change } = suite.of(context);
      await enforce([allowClient]);
      const before = await packets(dataplane, counter);
      assert.equal(await reachesUdp(world.client, world.web, 53), true);
      assert.equal((await packets(dataplane, counter)) - before, 1n);
      await change([policyFor("more", "web", { ingress: [{ from: [podPeer("remote")] }] })]);
      await change([], ["NetworkPolicy/alpha/more"]);
      assert.equal((await packets(dataplane, counter)) - before, 1n);
      const next = openDataplane(name, { netns: world.node.netns });
      await next.sync(suite.ruleset([allowClient]));
      assert.equal((await packets(next, counter)) - before, 1n);
      next.close();
    });

    it("a restart that finds other policies cuts what they deny, and nothing else", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([]);
      const denied = await opened(world.client, world.web);
      const kept = await opened(world.client, world.other);
      const next = openDataplane(name, { netns: world.node.netns });
      await next.sync(suite.ruleset([policyFor("deny", "web", {})]));
      next.close();
      assert.equal(await passes(denied.client, denied.server), false);
      assert.equal(await lives(kept), true);
    });

    it("what opened while somebody had changed the rules is decided again by the repair", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      const opens = openings[name];
      if (opens === undefined) return context.skip(`${name} has no way to be opened yet`);
      await enforce([policyFor("deny", "web", {})]);
      const kept = await opened(world.client, world.other);
      opens(world);
      const slipped = await opened(world.client, world.web);
      assert.equal(await lives(slipped), true);
      await dataplane.check();
      assert.equal(await passes(slipped.server, slipped.client), false);
      assert.equal(await passes(slipped.client, slipped.server), false);
      assert.equal(await lives(kept), true);
    });

    it("pods that come, move and go are followed", async (context) => {
      const { world, enforce, change } = suite.of(context);
      const guest = (labels: Record<string, string>) =>
        pod("alpha/guest", [world.stranger.v4, world.stranger.v6], { labels, spec: { nodeName: "node-1" } });
      await enforce([
        policyFor("in", "web", { ingress: [{ from: [podPeer("guest")] }] }),
        policyFor("deny", "shy", {}),
      ]);
      assert.equal(await reachesTcp(world.stranger, world.web, freshPort()), false, "not known yet");
      await change([guest({ app: "guest" })]);
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.stranger, world.web, freshPort(), family), true);
        assert.equal(await reachesTcp(world.client, world.stranger, freshPort(), family), true);
      }
      await change([guest({ app: "shy" })]);
      assert.equal(await reachesTcp(world.stranger, world.web, freshPort()), false);
      assert.equal(await reachesTcp(world.client, world.stranger, freshPort()), false);
      await change([], ["Pod/alpha/guest"]);
      assert.equal(await reachesTcp(world.stranger, world.outside, freshPort()), false);
    });

    it("what somebody else changed is noticed, named and put right, and traffic follows", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      const known = damages[name];
      if (known === undefined) return context.skip(`${name} has no list of damages yet`);
      await enforce([allowClient]);
      let noticed = 0;
      const unwatch = dataplane.watch(() => noticed++);
      for (const [index, damage] of known(world).entries()) {
        const before = noticed;
        damage();
        assert.ok((await until(() => (noticed > before ? true : null))) === true, `damage ${index} went unnoticed`);
        const report = await dataplane.check();
        assert.ok(report.differences.length > 0, `damage ${index} was not found`);
        assert.equal(await reachesUdp(world.outside, world.web, 53), false, `after damage ${index}`);
        assert.equal(await reachesUdp(world.client, world.web, 53), true, `after damage ${index}`);
        assert.deepEqual((await dataplane.check()).differences, []);
      }
      await pause(20);
      const quiet = noticed;
      await enforce([]);
      await pause(20);
      assert.equal(noticed, quiet, "its own changes are no foreign ones");
      unwatch();
    });

    it("removes all of its own, and says what; a second time there is nothing", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      await enforce([policyFor("deny", "web", {})]);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), false);
      assert.ok((await dataplane.remove()).length > 0);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), true);
      assert.deepEqual(await dataplane.remove(), []);
    });
  });
}
