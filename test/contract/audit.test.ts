import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { type ApiObject } from "../cluster-of.ts";
import { type Ear, listenIn } from "./ear.ts";
import { freshPort, podPeer, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";
import { lives, opened, passes } from "./stream-pairs.ts";
import type { World } from "./world.ts";

const inAudit = (policy: ApiObject): ApiObject => ({
  ...policy,
  metadata: { ...policy["metadata"], annotations: { "portcullis.dev/mode": "audit" } },
});

const deny = policyFor("watched", "web", {});

async function counted(dataplane: Dataplane, prefix: string): Promise<bigint> {
  const found = (await dataplane.counters()).filter(({ name }) => name.startsWith(prefix));
  return found.reduce((sum, { packets }) => sum + packets, 0n);
}

for (const name of dataplaneNames) {
  describe(`${name}: policies in audit`, () => {
    const suite = useWorld(name);
    let only: Ear | null = null;
    const ear = (world: World): Ear => (only ??= listenIn(world));
    after(() => only?.stop());

    it("drop nothing; what they would deny is counted and told, by direction", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      await enforce([inAudit(deny), inAudit(policyFor("out", "other", { policyTypes: ["Egress"] }))]);
      const { heard } = ear(world);
      for (const family of ["v4", "v6"] as const) {
        const before = await counted(dataplane, "audit-deny in-alpha.watched-");
        assert.equal(await reachesUdp(world.client, world.web, freshPort(), family), true);
        assert.deepEqual(await heard(1), ["portcullis audit-deny ingress isolated"]);
        assert.equal((await counted(dataplane, "audit-deny in-alpha.watched-")) - before, 1n);
        assert.equal(await reachesTcp(world.other, world.client, freshPort(), family), true);
        assert.deepEqual(await heard(1), ["portcullis audit-deny egress isolated"]);
        assert.equal(await reachesTcp(world.other, world.web, freshPort(), family), true, "both directions");
        assert.deepEqual((await heard(2)).toSorted(), [
          "portcullis audit-deny egress isolated",
          "portcullis audit-deny ingress isolated",
        ]);
        assert.equal(await reachesUdp(world.web, world.client, freshPort(), family), true, "the other direction");
        assert.deepEqual(await heard(1), []);
        assert.equal(await reachesTcp(world.other, world.node, freshPort(), family), true, "to its own node");
        assert.deepEqual(await heard(1), ["portcullis audit-deny egress isolated"]);
      }
      const counters = await dataplane.counters();
      const ofWatched = counters.filter(({ policies }) => policies?.join() === "NetworkPolicy/alpha/watched");
      assert.deepEqual(
        ofWatched.map(({ verdict, direction }) => [verdict, direction]),
        [["audit-deny", "ingress"]],
      );
      const sum = counters.filter(({ verdict }) => verdict === "deny").reduce((all, { packets }) => all + packets, 0n);
      assert.equal(sum, 0n, "nothing is denied");
      assert.deepEqual((await dataplane.check()).differences, []);
    });

    it("tell what they would let in that is denied, and deny it all the same", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      await enforce([
        policyFor("in", "web", { ingress: [{ from: [podPeer("client")] }] }),
        inAudit(policyFor("more", "web", { ingress: [{ from: [podPeer("remote")] }] })),
      ]);
      const { heard } = ear(world);
      await heard(0);
      assert.equal(await reachesUdp(world.remote, world.web, freshPort()), false);
      const both = ["portcullis audit-allow ingress policy", "portcullis deny ingress isolated"];
      assert.deepEqual((await heard(2)).toSorted(), both);
      assert.equal(await counted(dataplane, "audit-allow in-alpha.more-"), 1n);
      assert.equal(await reachesUdp(world.outside, world.web, freshPort()), false, "which both deny");
      assert.deepEqual(await heard(1), ["portcullis deny ingress isolated"]);
      assert.equal(await reachesUdp(world.client, world.web, freshPort()), true, "which both accept");
      assert.deepEqual(await heard(1), []);
      assert.equal(await counted(dataplane, "drop in-alpha.in-"), 2n);
    });

    it("come into force and out of it by one change, which cuts what it denies and nothing else", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const denied = await opened(world.client, world.web);
      const other = await opened(world.client, world.other);
      await change([inAudit(deny)]);
      assert.equal(await lives(denied), true);
      await change([deny]);
      assert.equal(await passes(denied.client, denied.server), false);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), false);
      assert.equal(await lives(other), true);
      await change([inAudit(deny)]);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), true);
      assert.equal(await lives(other), true);
      await change([], ["NetworkPolicy/alpha/watched"]);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), true);
      assert.equal(await lives(other), true);
    });

    it("cost open connections nothing: they are not asked about", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      await enforce([inAudit(deny)]);
      const stream = await opened(world.client, world.web);
      const before = await counted(dataplane, "audit-deny ");
      for (let round = 0; round < 5; round++) assert.equal(await lives(stream), true);
      assert.equal(await counted(dataplane, "audit-deny "), before);
    });
  });
}
