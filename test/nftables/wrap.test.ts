import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMarkSweep } from "../../src/dataplane/nftables/mark-sweep.ts";
import { openDataplane } from "../../src/dataplane/registry.ts";
import { freshPort, podPeer, policyFor, useWorld } from "../contract/fixture.ts";
import { connect, Listener, Udp, until } from "../contract/sockets.ts";

describe("generations that come around", () => {
  // 7 bits: 127 generations.
  const suite = useWorld("nftables", 0xff000000);

  it("find no connection that was accepted when they were last in force", async (context) => {
    const { world, enforce, change } = suite.of(context);
    const allow = (peer: string) => policyFor("in", "web", { ingress: [{ from: [podPeer(peer)] }] });
    await enforce([allow("client")]);
    const listener = Listener.open(world.web.netns, world.web.v4, 80);
    const stream = await connect(world.client.netns, world.client.v4, world.web.v4, 80);
    const server = await listener.accept();
    assert.ok(stream !== null && server !== null);
    // The last bump brings back the generation in which it was accepted; it has been silent, so nothing cleared its mark.
    for (let bump = 1; bump <= 127; bump++) await change([allow(bump % 2 === 0 ? "other" : "remote")]);
    stream.send("x");
    assert.equal(await server.receive(), null);
  });
});

describe("an agent that takes other bits of the mark than the last one", () => {
  const suite = useWorld("nftables", 0xff00);

  it("clears what it finds in them", async (context) => {
    const { world, enforce } = suite.of(context);
    await enforce([]);
    const [from, to] = [freshPort(), freshPort()];
    const server = Udp.open(world.web.netns, world.web.v4, to);
    const client = Udp.open(world.client.netns, world.client.v4, from);
    client.send(world.web.v4, to, "x");
    assert.equal(await server.receive(), "x");
    const mark = (): number => {
      const listed = world.onNode("conntrack", "-L", "-p", "udp", "--sport", String(from));
      return Number(/ mark=(\d+) /.exec(listed)?.[1]);
    };
    assert.notEqual(mark() & 0x7f00, 0);
    const other = openDataplane("nftables", { netns: world.node.netns, ctMarkMask: 0xff0000 });
    await other.sync(suite.ruleset([]));
    other.close();
    assert.notEqual(mark() & 0x7f00, 0, "nobody has looked yet");
    await enforce([]);
    assert.equal(await until(() => ((mark() & 0x7f00) === 0 ? true : null), 1000), true);
  });
});

describe("the sweep of marks", () => {
  it("starts half way round in the background, and is waited for before a generation meets its past", async () => {
    let running = 0;
    let finish = (): void => {};
    const clear = (): Promise<void> => {
      running++;
      return new Promise((resolve) => (finish = resolve));
    };
    const sweep = createMarkSweep(clear, 10);
    for (let bump = 1; bump <= 4; bump++) await sweep.beforeBump();
    assert.equal(running, 0);
    for (let bump = 5; bump <= 8; bump++) await sweep.beforeBump();
    assert.equal(running, 1);
    let bumped = false;
    const ninth = sweep.beforeBump().then(() => (bumped = true));
    await new Promise(setImmediate);
    assert.equal(bumped, false);
    finish();
    await ninth;
    // Nine bumps, of which five were before the sweep began: four count on.
    await sweep.beforeBump();
    assert.equal(running, 2, "half way round again");
  });

  it("that fails is tried again, and reported where it must not be late", async () => {
    let tried = 0;
    const sweep = createMarkSweep(() => {
      tried++;
      return Promise.reject(new Error("no conntrack"));
    }, 10);
    for (let bump = 1; bump <= 8; bump++) await sweep.beforeBump();
    await new Promise(setImmediate);
    assert.ok(tried >= 1);
    await assert.rejects(sweep.beforeBump(), /no conntrack/);
    // Told once: changes go on to be enforced.
    await sweep.beforeBump();
  });
});
