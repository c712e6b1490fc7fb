import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import type { CompileOptions } from "../../src/compile/options.ts";
import { type Address, addressBytes } from "../../src/net/address.ts";
import { type Family, freshPort, policyFor, reachesUdp, useWorld } from "./fixture.ts";
import { namesPolicy } from "./names-world.ts";
import { PacketQueue, type QueuedPacket } from "./packet-queue.ts";
import { connect, Listener, Udp } from "./sockets.ts";
import type { Host, World } from "./world.ts";

const queue = 9053;
const policy = namesPolicy("client");
const dns = 53;
const hooks = { prerouting: 0, postrouting: 4 } as const;
const twoPods = "10.96.0.20" as Address;
const serviceV6 = "fd00:96::a" as Address;

/** Protocol, which way it goes, where it was queued; and whether the other end is who the client asked. */
const seen = (packets: readonly QueuedPacket[], asked: Address): string[] =>
  packets.map(({ hook, packet }) => {
    const isV6 = (packet[0] ?? 0) >> 4 === 6;
    const [protocol, at, from, size] = isV6 ? [packet[6], 40, 8, 16] : [packet[9], 20, 12, 4];
    const [source, destination] = [from, from + size].map((start) => packet.subarray(start, start + size));
    const way = packet.readUInt16BE(at + 2) === dns ? "query" : packet.readUInt16BE(at) === dns ? "answer" : "other";
    const resolver = way === "query" ? destination : source;
    const isAsked = resolver?.equals(Buffer.from(addressBytes(asked))) === true;
    return `${protocol === 6 ? "tcp" : "udp"}${isV6 ? 6 : 4} ${way} ${hook}${isAsked ? "" : " of another"}`;
  });

/** One query and its answer; what was shown of them. */
async function askUdp(shown: PacketQueue, client: Host, server: Host, family: Family, to = server[family]) {
  const there = Udp.open(server.netns, server[family], dns);
  const here = Udp.open(client.netns, client[family], freshPort());
  try {
    here.send(to, dns, "query");
    const queries = await shown.acceptAll(40);
    assert.equal(await there.receive(), "query");
    there.answer("answer");
    const answers = await shown.acceptAll(40);
    assert.equal(await here.receive(), "answer");
    return seen([...queries, ...answers], to);
  } finally {
    here.close();
    there.close();
  }
}

async function askTcp(shown: PacketQueue, client: Host, server: Host, family: Family, to = server[family]) {
  const listener = Listener.open(server.netns, server[family], dns);
  const done = new AbortController();
  const packets: QueuedPacket[] = [];
  const letting = (async () => {
    while (!done.signal.aborted) packets.push(...(await shown.acceptAll(5)));
  })();
  try {
    const stream = await connect(client.netns, client[family], to, dns);
    const accepted = await listener.accept();
    assert.ok(stream !== null && accepted !== null);
    stream.send("query");
    assert.deepEqual(await accepted.receive(), { text: "query" });
    accepted.send("answer");
    assert.deepEqual(await stream.receive(), { text: "answer" });
    stream.close();
    accepted.close();
  } finally {
    done.abort();
    await letting;
    listener.close();
  }
  return seen(packets, to);
}

/** A Service of the other family, a resolver on the host's network, and no connection tracking for one of its addresses. */
function prepare({ onNode, web, other }: World): void {
  onNode(
    "nft",
    `add table ip6 dns; add chain ip6 dns pre { type nat hook prerouting priority -100; };
    add rule ip6 dns pre ip6 daddr ${serviceV6} dnat to ${web.v6}`,
  );
  onNode(
    "nft",
    `add rule ip world prerouting ip daddr ${twoPods} dnat to numgen inc mod 2 map { 0 : ${web.v4}, 1 : ${other.v4} }`,
  );
  onNode("ip", "addr", "add", "169.254.20.10/32", "dev", "lo");
  onNode(
    "nft",
    `add table ip raw_dns; add chain ip raw_dns pre { type filter hook prerouting priority -300; };
    add chain ip raw_dns out { type filter hook output priority -300; };
    add rule ip raw_dns pre ip daddr 169.254.20.10 notrack; add rule ip raw_dns out ip saddr 169.254.20.10 notrack`,
  );
}

for (const name of dataplaneNames) {
  describe(`${name}: DNS on its way to who learns`, () => {
    const suite = useWorld(name);
    let isPrepared = false;
    const start = async (context: TestContext, more: Partial<CompileOptions> = {}, policies = [policy]) => {
      const fixture = suite.of(context);
      const { world } = fixture;
      if (!isPrepared) prepare(world);
      isPrepared = true;
      const resolvers = [
        world.service,
        twoPods,
        serviceV6,
        world.remote.v4,
        world.remote.v6,
        world.node.v4,
        world.node.v6,
      ];
      const names = { queue, service: null, resolvers: [...resolvers, "169.254.20.10" as Address] };
      await fixture.enforce([], { names });
      await fixture.enforce(policies, { names, ...more });
      const shown = PacketQueue.open(world.node.netns, queue);
      context.after(() => shown.close());
      return { ...fixture, shown };
    };

    for (const family of ["v4", "v6"] as const) {
      const number = family === "v4" ? 4 : 6;

      it(`is shown, queries and answers, over UDP and TCP: a resolver elsewhere, in a pod behind a Service, on the node (${family})`, async (context) => {
        const { world, shown } = await start(context);
        const service = family === "v4" ? world.service : serviceV6;
        for (const [server, to] of [
          [world.remote, world.remote[family]],
          [world.web, service],
          [world.node, world.node[family]],
        ] as const) {
          assert.deepEqual(await askUdp(shown, world.client, server, family, to), [
            `udp${number} query ${hooks.prerouting}`,
            `udp${number} answer ${hooks.postrouting}`,
          ]);
          const tcp = new Set(await askTcp(shown, world.client, server, family, to));
          assert.deepEqual(
            tcp,
            new Set([`tcp${number} query ${hooks.prerouting}`, `tcp${number} answer ${hooks.postrouting}`]),
          );
        }
      });
    }

    it("is that of pods whose policies name domains, with resolvers, and no other", async (context) => {
      const { world, shown, dataplane, change } = await start(context);
      assert.deepEqual(await askUdp(shown, world.other, world.remote, "v4"), [], "a pod without such a policy");
      assert.deepEqual(await askUdp(shown, world.client, world.outside, "v4"), [], "who is no resolver");
      assert.deepEqual(await askUdp(shown, world.client, world.web, "v4"), [], "the pod behind the Service, by itself");
      assert.equal(await reachesUdp(world.other, world.remote, freshPort()), true, "another port");
      await change([namesPolicy("other")]);
      assert.equal((await askUdp(shown, world.other, world.remote, "v4")).length, 2);
      assert.deepEqual((await dataplane.check()).differences, []);
    });

    it("is shown before policy has decided about a question, and after it has about an answer", async (context) => {
      const { world, shown, change } = await start(context);
      const egress = policy.spec.egress.filter(({ name: rule }) => rule !== "dns");
      await change([{ ...policy, spec: { ...policy.spec, egress } }]);
      const there = Udp.open(world.remote.netns, world.remote.v4, dns);
      const here = Udp.open(world.client.netns, world.client.v4, freshPort());
      here.send(world.remote.v4, dns, "query");
      assert.equal((await shown.acceptAll(40)).length, 1);
      assert.equal(await there.receive(), null, "denied all the same");
      await change([policy, policyFor("deny", "client", {})]);
      here.send(world.remote.v4, dns, "query");
      assert.equal((await shown.acceptAll(40)).length, 1);
      assert.equal(await there.receive(), "query");
      const port = freshPort();
      const open = Udp.open(world.client.netns, world.client.v4, port);
      there.send(world.client.v4, port, "unasked");
      assert.equal(await shown.next(), null, "denied: it begins a connection");
      await change([], ["NetworkPolicy/alpha/deny"]);
      const other = freshPort();
      const second = Udp.open(world.client.netns, world.client.v4, other);
      there.send(world.client.v4, other, "unasked");
      assert.equal(await shown.next(), null, "let through, but no answer to anything");
      assert.equal(await second.receive(), "unasked");
      for (const socket of [there, here, open, second]) socket.close();
    });

    it("waits until it is let go on, passes where nobody listens, and where too much waits", async (context) => {
      const { world, shown } = await start(context);
      const there = Udp.open(world.remote.netns, world.remote.v4, dns);
      const here = Udp.open(world.client.netns, world.client.v4, freshPort());
      here.send(world.remote.v4, dns, "one");
      const held = await shown.next();
      assert.ok(held !== null);
      assert.equal(await there.receive(50), null, "it is held");
      shown.accept(held);
      assert.equal(await there.receive(), "one");
      shown.close();
      here.send(world.remote.v4, dns, "two");
      assert.equal(await there.receive(), "two", "nobody listens");
      const narrow = PacketQueue.open(world.node.netns, queue, 1);
      for (const text of ["three", "four", "five"]) here.send(world.remote.v4, dns, text);
      const passed = new Set([await there.receive(), await there.receive()]);
      assert.deepEqual(passed, new Set(["four", "five"]), "there was no room for more");
      const [first] = await narrow.acceptAll();
      assert.ok(first !== undefined);
      assert.equal(await there.receive(), "three", "and what waited is not lost");
      narrow.close();
      there.close();
      here.close();
    });

    it("of one socket that asks twice at once stays one connection, though a Service has two pods", async (context) => {
      const { world, shown } = await start(context);
      const servers = [world.web, world.other].map((host) => Udp.open(host.netns, host.v4, dns));
      for (let round = 0; round < 4; round++) {
        const here = Udp.open(world.client.netns, world.client.v4, freshPort());
        here.send(twoPods, dns, "A");
        here.send(twoPods, dns, "AAAA");
        const [one, other] = [await shown.next(), await shown.next()];
        assert.ok(one !== null && other !== null, "both wait");
        shown.accept(one);
        shown.accept(other);
        const [asked, spared] = round % 2 === 0 ? servers : servers.toReversed();
        assert.ok(asked !== undefined && spared !== undefined);
        for (const question of ["A", "AAAA"]) {
          assert.equal(await asked.receive(), question);
          asked.answer(`to ${question}`);
        }
        assert.equal((await shown.acceptAll(40)).length, 2);
        assert.deepEqual([await here.receive(), await here.receive()], ["to A", "to AAAA"]);
        assert.equal(await spared.receive(0), null);
        here.close();
      }
      for (const socket of servers) socket.close();
    });

    it("of policies in audit is shown too, also what has no conntrack entry", async (context) => {
      const audit = namesPolicy("client", { metadata: { annotations: { "portcullis.dev/mode": "audit" } } });
      const { world, shown } = await start(context, {}, [audit]);
      assert.equal((await askUdp(shown, world.client, world.remote, "v4")).length, 2);
      assert.equal(await reachesUdp(world.client, world.outside, freshPort()), true, "nothing is denied");
      const local: Host = { ...world.node, v4: "169.254.20.10" as Address };
      assert.deepEqual(await askUdp(shown, world.client, local, "v4"), [
        `udp4 query ${hooks.prerouting}`,
        `udp4 answer ${hooks.postrouting}`,
      ]);
    });

    it("follows the resolvers, and nothing is left of its way when nobody learns", async (context) => {
      const { world, shown, dataplane, change } = await start(context);
      await change([], ["ClusterNetworkPolicy/names-client"]);
      assert.doesNotMatch(world.onNode("nft", "list", "ruleset"), /names_/);
      assert.deepEqual(await askUdp(shown, world.client, world.remote, "v4"), []);
      await change([policy]);
      assert.equal((await askUdp(shown, world.client, world.remote, "v4")).length, 2);
      assert.deepEqual((await dataplane.check()).differences, []);
      assert.equal(await dataplane.present(), true);
    });
  });
}
