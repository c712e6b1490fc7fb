import assert from "node:assert/strict";
import { after, describe, it, type TestContext } from "node:test";
import { openDataplane, dataplaneNames } from "../../src/dataplane/registry.ts";
import { outputOf } from "../../src/system/program.ts";
import type { DomainSetName } from "../../src/ir/ruleset.ts";
import { policyFor, reachesTcp, reachesUdp, useWorld, freshPort } from "./fixture.ts";
import { learned, namesOf, namesPolicy, onlyDomainSet, secondsAfter } from "./names-world.ts";
import { lives, opened, passes } from "./stream-pairs.ts";

const policy = namesPolicy("client");

const takeTableAway = (netns: string): void =>
  void outputOf("ip", ["netns", "exec", netns, "nft", "delete", "table", "inet", "portcullis"]);

for (const name of dataplaneNames) {
  describe(`${name}: addresses that were learned of names`, () => {
    const suite = useWorld(name);
    const start = async (context: TestContext) => {
      const fixture = suite.of(context);
      await fixture.enforce([]);
      await fixture.enforce([policy]);
      const set: DomainSetName = onlyDomainSet(suite.ruleset([policy]));
      return { ...fixture, set, names: namesOf(fixture.dataplane) };
    };

    it("are let through, of both families, counted for the rule; what was not learned is denied", async (context) => {
      const { world, dataplane, names, set } = await start(context);
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.client, world.outside, freshPort(), family), false);
        await names.learn([learned(set, world.outside[family], 60)]);
        assert.equal(await reachesTcp(world.client, world.outside, freshPort(), family), true);
        assert.equal(await reachesUdp(world.client, world.outside, freshPort(), family), true);
        assert.equal(await reachesTcp(world.client, world.remote, freshPort(), family), false);
      }
      const counted = (await dataplane.counters()).find(({ name: rule }) => rule.endsWith("names-client egress[0]"));
      assert.ok(counted !== undefined && counted.packets >= 4n, String(counted?.packets));
    });

    it("are forgotten by the kernel's own clock: nobody begins, open ones go on until the grace is over too", async (context) => {
      const { world, dataplane, names, set } = await start(context);
      let heard = 0;
      context.after(dataplane.watch(() => heard++));
      const since = performance.now();
      await names.learn([learned(set, world.outside.v4, 0.4, 1.2)]);
      const open = await opened(world.client, world.outside);
      await secondsAfter(since, 0.5);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), false);
      await names.decideAnew();
      assert.equal(await lives(open), true, "within the grace");
      await secondsAfter(since, 1.3);
      assert.equal(await lives(open), true, "nobody has asked yet");
      await names.decideAnew();
      assert.equal(await passes(open.server, open.client), false);
      assert.equal(await passes(open.client, open.server), false);
      assert.deepEqual(await names.held(), []);
      assert.equal(heard, 0, "what goes by itself is nobody's change");
    });

    it("that left an answer let nobody begin any more, and keep what is open", async (context) => {
      const { world, names, set } = await start(context);
      await names.learn([learned(set, world.outside.v4, 60)]);
      const open = await opened(world.client, world.outside);
      await names.learn([learned(set, world.outside.v4, 0, 60)]);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), false);
      await names.decideAnew();
      assert.equal(await lives(open), true);
      await names.learn([learned(set, world.outside.v4, 0, 0)]);
      await names.decideAnew();
      assert.equal(await passes(open.client, open.server), false);
    });

    it("last anew from the last time they were learned", async (context) => {
      const { world, names, set } = await start(context);
      const since = performance.now();
      await names.learn([learned(set, world.outside.v4, 0.4, 0.5), learned(set, world.remote.v4, 0.4, 0.5)]);
      await secondsAfter(since, 0.3);
      await names.learn([learned(set, world.outside.v4, 2, 5)]);
      const [held] = (await names.held()).filter(({ address }) => address === world.outside.v4);
      assert.ok(held !== undefined && held.seconds > 1.8 && held.seconds <= 2, String(held?.seconds));
      assert.ok(held.graceSeconds > 4.8 && held.graceSeconds <= 5);
      await secondsAfter(since, 0.6);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), true);
      assert.equal(await reachesTcp(world.client, world.remote, freshPort()), false);
      await names.learn([learned(set, world.outside.v4, 0.1, 0.1)]);
      await secondsAfter(performance.now(), 0.2);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), false, "shorter, too");
    });

    it("survive the agent, its checks, changes of all else and repairs", async (context) => {
      const { world, dataplane, names, set, change } = await start(context);
      await names.learn([learned(set, world.outside.v4, 60), learned(set, world.outside.v6, 60)]);
      assert.deepEqual((await dataplane.check()).differences, []);
      await change([policyFor("deny", "web", {})]);
      await change([namesPolicy("client", { priority: 20 })]);
      assert.equal((await names.held()).length, 2);
      const other = openDataplane(name, { netns: world.node.netns });
      after(() => other.close());
      const { differences } = await other.sync(suite.ruleset([policyFor("deny", "web", {}), policy]));
      assert.deepEqual(differences, []);
      assert.deepEqual((await namesOf(other).held()).map(({ address }) => address).sort(), [
        world.outside.v6,
        world.outside.v4,
      ]);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), true);
    });

    it("are back at once with a table that somebody took away: open connections never meet one without", async (context) => {
      const { world, dataplane, names, set, change } = await start(context);
      await names.learn([learned(set, world.outside.v4, 60), learned(set, world.remote.v4, 0, 60)]);
      const open = await opened(world.client, world.outside);
      const going = await opened(world.outside, world.client);
      takeTableAway(world.node.netns);
      assert.equal((await dataplane.check()).differences.length, 1);
      assert.equal(await passes(open.client, open.server), true);
      assert.equal(await lives(open), true);
      assert.equal(await lives(going), true);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), true);
      assert.equal(await reachesTcp(world.client, world.remote, freshPort()), false, "in its grace");
      assert.deepEqual(
        (await names.held()).map(({ address }) => address).sort(),
        [world.remote.v4, world.outside.v4].sort(),
      );
      await change([], ["ClusterNetworkPolicy/names-client"]);
      await change([policy]);
      takeTableAway(world.node.netns);
      await dataplane.check();
      assert.deepEqual(await names.held(), [], "what was forgotten stays so");
    });

    it("stay those of a rule to which names are added, and go with one that is taken away", async (context) => {
      const { world, enforce, names, set, change } = await start(context);
      await names.learn([learned(set, world.outside.v4, 60), learned(set, world.remote.v4, 0, 60)]);
      const open = await opened(world.client, world.outside);
      await change([namesPolicy("client", { names: ["*.example.net", "example.org"] })]);
      assert.equal(await passes(open.client, open.server), true, "it was accepted and still is");
      assert.equal(await lives(open), true);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), true);
      const held = await names.held();
      const times = new Map(held.map((one) => [one.address, [one.seconds > 50, one.graceSeconds > 50]]));
      assert.deepEqual(
        [times.get(world.outside.v4), times.get(world.remote.v4), times.size],
        [[true, true], [false, true], 2],
      );
      await enforce([namesPolicy("client", { names: ["*.example.net", "*.example.com", "example.org"] })]);
      assert.equal(await lives(open), true, "nor does it matter that all is compared");
      await change([namesPolicy("client", { names: ["*.example.net", "www.example.org"] })]);
      assert.deepEqual(await names.held(), []);
      assert.equal(await passes(open.client, open.server), false, "of which name it was, the kernel does not know");
    });

    it("go with the last rule that names them, and what is learned for nobody is let be", async (context) => {
      const { world, dataplane, names, set, change } = await start(context);
      await names.learn([learned(set, world.outside.v4, 60)]);
      await change([], ["ClusterNetworkPolicy/names-client"]);
      assert.deepEqual(await names.held(), []);
      await names.learn([learned(set, world.outside.v4, 60)]);
      await change([policy]);
      assert.deepEqual(await names.held(), [], "a set that comes back is empty");
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), false);
      assert.deepEqual((await dataplane.check()).differences, []);
    });

    it("are nobody else's change, and go between the steps of any other", async (context) => {
      const { world, dataplane, names, set, change } = await start(context);
      let heard = 0;
      const stop = dataplane.watch(() => heard++);
      const changing = Array.from({ length: 20 }, async (_, index) => {
        await change(
          index % 2 === 0 ? [policyFor("deny", "web", {})] : [],
          index % 2 === 0 ? [] : ["NetworkPolicy/alpha/deny"],
        );
        await names.decideAnew();
      });
      const learning = Array.from({ length: 20 }, (_, index) =>
        names.learn([learned(set, `198.51.100.${index}` as never, 60)]),
      );
      await Promise.all([...changing, ...learning, dataplane.check()]);
      assert.equal((await names.held()).length, 20);
      assert.deepEqual((await dataplane.check()).differences, []);
      await names.learn([learned(set, world.outside.v4, 60)]);
      await secondsAfter(performance.now(), 0.05);
      stop();
      assert.equal(heard, 0);
    });

    it("go on under `keep` whatever becomes of the grace", async (context) => {
      const { world, enforce, names, set } = await start(context);
      await enforce([policy], { established: "keep" });
      await names.learn([learned(set, world.outside.v4, 60)]);
      const open = await opened(world.client, world.outside);
      await names.learn([learned(set, world.outside.v4, 0, 0)]);
      await names.decideAnew();
      assert.equal(await lives(open), true);
      assert.equal(await reachesTcp(world.client, world.outside, freshPort()), false);
    });
  });
}
