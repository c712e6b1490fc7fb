import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { dataplaneNames, openDataplane } from "../../src/dataplane/registry.ts";
import type { Address } from "../../src/net/address.ts";
import { networkPolicy } from "../ask.ts";
import { type Ear, listenIn } from "./ear.ts";
import { freshPort, podPeer, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";
import { Raw, tcpSegment, Udp } from "./sockets.ts";
import { opened, passes } from "./stream-pairs.ts";
import type { World } from "./world.ts";

for (const name of dataplaneNames) {
  describe(`${name}: what is reported`, () => {
    const suite = useWorld(name);
    let only: Ear | null = null;
    const ear = (world: World): Ear => (only ??= listenIn(world));
    after(() => only?.stop());

    it("a denied connection, with its direction and reason, in both families; an accepted one never", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([
        policyFor("in", "web", { ingress: [{ from: [podPeer("client")] }] }),
        policyFor("eg", "other", { policyTypes: ["Egress"] }),
      ]);
      const { heard } = ear(world);
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.client, world.web, freshPort(), family), true);
        assert.deepEqual(await heard(1), []);
        assert.equal(await reachesUdp(world.remote, world.web, freshPort(), family), false);
        assert.deepEqual(await heard(1), ["portcullis deny ingress isolated"]);
        assert.equal(await reachesUdp(world.other, world.client, freshPort(), family), false);
        assert.deepEqual(await heard(1), ["portcullis deny egress isolated"]);
        assert.equal(await reachesUdp(world.stranger, world.client, freshPort(), family), false);
        assert.deepEqual(await heard(1), ["portcullis deny none unknown"]);
      }
      const segment = tcpSegment(world.remote.v4, world.web.v4, [freshPort(), 80], 16);
      Raw.open(world.remote.netns, world.remote.v4, 6).send(world.web.v4, segment);
      assert.deepEqual(await heard(1), ["portcullis deny none untracked"]);
    });

    it("the default verdict by its own name, and open connections that are cut", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const { heard } = ear(world);
      const stream = await opened(world.outside, world.web);
      await change([networkPolicy("alpha/deny", { podSelector: { matchLabels: { app: "web" } } })]);
      assert.equal(await passes(stream.client, stream.server), false);
      assert.equal((await heard(1))[0], "portcullis deny ingress isolated");
      await enforce([], { defaultVerdict: "deny" });
      assert.equal(await reachesUdp(world.client, world.outside, freshPort()), false);
      assert.deepEqual(await heard(1), ["portcullis deny egress default"]);
    });

    it("a few a second of one pair, whatever it sends; the next pair is heard all the same", async (context) => {
      const { world, enforce, dataplane } = suite.of(context);
      await enforce([policyFor("in", "web", {})]);
      const { heard } = ear(world);
      const flood = Raw.open(world.client.netns, world.client.v4, 6);
      for (let port = 1; port <= 300; port++)
        flood.send(world.web.v4, tcpSegment(world.client.v4, world.web.v4, [port, 81], 2));
      assert.equal(await reachesUdp(world.remote, world.web, freshPort()), false);
      const reports = await heard(300);
      assert.ok(reports.length >= 4 && reports.length <= 8, `${reports.length} reports`);
      const drops = (await dataplane.counters()).filter((counter) => counter.name.startsWith("drop in-alpha.in-"));
      assert.equal(drops.reduce((sum, { packets }) => sum + packets, 0n) >= 301n, true, "all of them are counted");
      assert.deepEqual((await dataplane.check()).differences, [], "what packets put into sets is no drift");
    });

    it("one direction, while more pairs than are kept in mind are denied in the other", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([policyFor("in", "client", {}), policyFor("eg", "other", { policyTypes: ["Egress"] })]);
      const { heard } = ear(world);
      await heard(0);
      world.onNode("ip", "route", "add", "198.18.0.0/16", "via", "169.254.1.9", "dev", "to5", "onlink");
      const scanner = Udp.open(world.other.netns, world.other.v4, freshPort());
      for (let number = 0; number < 5000; number++)
        scanner.send(`198.18.${number >> 8}.${number & 255}` as Address, 9, "scan");
      scanner.close();
      const scanned = await heard(1000);
      assert.ok(scanned.length >= 100 && scanned.length < 400, `${scanned.length} reports`);
      assert.deepEqual([...new Set(scanned)], ["portcullis deny egress isolated"]);
      assert.equal(await reachesUdp(world.remote, world.client, freshPort()), false, "a pair that is new");
      assert.deepEqual(await heard(1), ["portcullis deny ingress isolated"]);
    });

    it("nothing where the operator wants none, and from one to the other without a gap", async (context) => {
      const { world, enforce, dataplane } = suite.of(context);
      const deny = policyFor("in", "web", {});
      await enforce([deny], { logGroup: null });
      const { heard } = ear(world);
      const kept = await opened(world.client, world.other);
      assert.equal(await reachesUdp(world.client, world.web, freshPort()), false);
      assert.deepEqual(await heard(1), []);
      await enforce([deny]);
      assert.deepEqual((await dataplane.check()).differences, []);
      assert.equal(await reachesUdp(world.client, world.web, freshPort()), false);
      assert.equal((await heard(1)).length, 1);
      assert.equal(await passes(kept.client, kept.server), true);
      const next = openDataplane(name, { netns: world.node.netns });
      assert.deepEqual((await next.sync(suite.ruleset([deny]))).differences, [], "a restart finds nothing to do");
      next.close();
    });
  });
}
