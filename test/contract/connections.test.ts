import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { noChains } from "../../src/ir/ruleset.ts";
import type { Chain, ChainClause, ChainName, ClauseListName, Endpoint, Ruleset } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import type { PolicyId } from "../../src/policy/policy.ts";
import { lives, opened, passes } from "./stream-pairs.ts";
import { type Fixture, freshPort, podPeer, policyFor, reachesTcp, useWorld } from "./fixture.ts";
import { initPacket } from "../../src/lab/probe/sctp.ts";
import { portUnreachable, Raw, Udp } from "./sockets.ts";

const deny = policyFor("deny", "web", {});
const denyEgress = policyFor("deny-egress", "client", { policyTypes: ["Egress"] });

for (const name of dataplaneNames) {
  describe(`${name}: open connections`, () => {
    const suite = useWorld(name);

    for (const speaker of ["client", "server"] as const) {
      it(`a policy that denies one cuts it, both ways, when the ${speaker} speaks first; others live on`, async (context) => {
        const { world, enforce, change } = suite.of(context);
        await enforce([]);
        const denied = await opened(world.client, world.web);
        const throughService = await opened(world.client, world.web, "v4", world.service);
        const deniedV6 = await opened(world.remote, world.web, "v6");
        const other = await opened(world.client, world.other);
        const outgoing = await opened(world.web, world.outside);
        await change([deny]);
        for (const cut of [denied, throughService, deniedV6]) {
          const silent = speaker === "client" ? "server" : "client";
          assert.equal(await passes(cut[speaker], cut[silent]), false, "the first word must not arrive");
          assert.equal(await passes(cut[silent], cut[speaker]), false, "nor an answer");
        }
        for (const kept of [other, outgoing]) assert.equal(await lives(kept), true);
        await change([], ["NetworkPolicy/alpha/deny"]);
        assert.equal(await lives(other), true);
        assert.equal(await reachesTcp(world.client, world.web, freshPort()), true);
      });
    }

    it("whoever is cut is told: a reset ends the stream at once", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const { client, server } = await opened(world.client, world.web);
      await change([deny]);
      client.send("x");
      assert.deepEqual(await client.receive(), { error: "ECONNRESET" });
      server.send("x");
      assert.deepEqual(await server.receive(), { error: "ECONNRESET" });
    });

    it("egress policies cut too, also what goes to the pod's own node", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const outside = await opened(world.client, world.outside);
      const node = await opened(world.client, world.node);
      const nodeV6 = await opened(world.client, world.node, "v6");
      const fromNode = await opened(world.node, world.client);
      await change([denyEgress]);
      for (const { client, server } of [outside, node, nodeV6]) {
        assert.equal(await passes(server, client), false);
        assert.equal(await passes(client, server), false);
      }
      assert.equal(await lives(fromNode), true, "what the node opened is the node's");
    });

    it("UDP has connections too", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const port = freshPort();
      const server = Udp.open(world.web.netns, world.web.v4, port);
      const client = Udp.open(world.client.netns, world.client.v4, freshPort());
      client.send(world.web.v4, port, "one");
      assert.equal(await server.receive(), "one");
      await change([deny]);
      server.answer("late");
      assert.equal(await client.receive(), null);
      client.send(world.web.v4, port, "two");
      assert.equal(await server.receive(), null);
    });

    it("SCTP is decided by its ports, and cut like the others", async (context) => {
      const { world, enforce, change } = suite.of(context);
      const allow = (port: number) => policyFor("in", "web", { ingress: [{ ports: [{ protocol: "SCTP", port }] }] });
      const [from, port] = [freshPort(), freshPort()];
      await enforce([allow(port)]);
      const sender = Raw.open(world.client.netns, world.client.v4, 132);
      const receiver = Raw.open(world.web.netns, world.web.v4, 132);
      const arrives = async (to: number): Promise<boolean> => {
        sender.send(world.web.v4, initPacket(from, to, 7));
        return receiver.sees((packet) => packet.readUInt16BE(20) === from && packet.readUInt16BE(22) === to);
      };
      assert.equal(await arrives(port), true);
      assert.equal(await arrives(port + 1000), false);
      await change([allow(port + 1000)]);
      assert.equal(await arrives(port), false, "an INIT again, of the same association");
      assert.equal(await arrives(port + 1000), true);
    });

    it("a change that still allows a connection leaves it alone, in whatever way", async (context) => {
      const { world, enforce, change } = suite.of(context);
      const allow = (...peers: string[]) => policyFor("in", "web", { ingress: [{ from: peers.map(podPeer) }] });
      await enforce([allow("client", "remote")]);
      const kept = await opened(world.client, world.web);
      const cut = await opened(world.remote, world.web);
      await change([allow("client", "other")]);
      assert.equal(await passes(kept.server, kept.client), true, "idle, and the server speaks first");
      assert.equal(await lives(kept), true);
      assert.equal(await passes(cut.client, cut.server), false);
      for (let round = 0; round < 20; round++) {
        await change([allow("client", round % 2 === 0 ? "other" : "remote")]);
        assert.equal(await lives(kept), true);
      }
    });

    it("a pod that goes takes its connections with it", async (context) => {
      const { world, enforce, change } = suite.of(context);
      await enforce([]);
      const { client, server } = await opened(world.remote, world.web);
      await change([], ["Pod/alpha/web"]);
      assert.equal(await passes(client, server), false);
      assert.equal(await passes(server, client), false);
    });

    it("--established=keep leaves them until they end, and only them", async (context) => {
      const { world, enforce, change }: Fixture = suite.of(context);
      await enforce([], { established: "keep" });
      const kept = await opened(world.client, world.web);
      await change([deny]);
      assert.equal(await lives(kept), true);
      assert.equal(await reachesTcp(world.client, world.web, freshPort()), false);
    });

    it("an ICMP error about a denied connection does not bring it back", async (context) => {
      const { world, enforce, dataplane } = suite.of(context);
      await enforce([]);
      const [from, port] = [freshPort(), freshPort()];
      const server = Udp.open(world.web.netns, world.web.v4, port);
      const client = Udp.open(world.client.netns, world.client.v4, from);
      client.send(world.web.v4, port, "one");
      assert.equal(await server.receive(), "one");
      // Denied for its port, while ICMP is accepted.
      const ruleset = withAdminDeny(suite.ruleset([]), world.web.v4, port);
      await dataplane.sync(ruleset);
      client.send(world.web.v4, port, "two");
      assert.equal(await server.receive(), null);
      const router = Raw.open(world.web.netns, world.web.v4, 1);
      for (let attempt = 0; attempt < 2; attempt++) {
        router.send(world.client.v4, portUnreachable(world.client.v4, world.web.v4, [from, port]));
        client.send(world.web.v4, port, "three");
        assert.equal(await server.receive(), null);
      }
      for (const socket of [server, client, router]) socket.close();
    });

    it("ICMP errors about an accepted connection come back, isolated or not", async (context) => {
      const { world, enforce, change } = suite.of(context);
      const port = freshPort();
      await enforce([
        policyFor("eg", "client", {
          policyTypes: ["Ingress", "Egress"],
          egress: [{ to: [podPeer("web")], ports: [{ protocol: "UDP", port }] }],
        }),
      ]);
      for (const family of ["v4", "v6"] as const) {
        const socket = Udp.open(world.client.netns, world.client[family], freshPort());
        socket.connect(world.web[family], port);
        socket.send(world.web[family], port, "nobody listens");
        assert.equal(await socket.error(), "ECONNREFUSED");
        socket.close();
      }
      const server = Udp.open(world.web.netns, world.web.v4, port);
      const from = freshPort();
      const client = Udp.open(world.client.netns, world.client.v4, from);
      client.connect(world.web.v4, port);
      client.send(world.web.v4, port, "one");
      assert.equal(await server.receive(), "one");
      // The error comes before any packet of the connection has been decided again.
      await change([policyFor("deny", "other", {})]);
      const router = Raw.open(world.web.netns, world.web.v4, 1);
      router.send(world.client.v4, portUnreachable(world.client.v4, world.web.v4, [from, port]));
      assert.equal(await client.error(), "ECONNREFUSED");
    });
  });
}

/** This Ruleset, and one pod to whose UDP port an admin policy lets nobody. */
function withAdminDeny(ruleset: Ruleset, address: Address, port: number): Ruleset {
  const name = "in-admin" as ChainName;
  const clause: ChainClause = {
    policy: "AdminNetworkPolicy/deny" as PolicyId,
    rule: 0,
    action: "deny",
    match: { kind: "peers", peers: null, ports: [{ protocol: "UDP", from: port, to: port }] },
  };
  const rest = { networkPolicy: null, baseline: [], fallback: "accept", isolatedBy: [], audited: [] } as const;
  const lists = { admin: "l-admin" as ClauseListName, networkPolicy: null, baseline: null };
  const chain: Chain = { name, direction: "ingress", admin: [clause], lists, ...rest };
  const endpoint: Endpoint = { address, pod: "alpha/web", ...noChains, ingress: name };
  return {
    ...ruleset,
    chains: new Map([...ruleset.chains, [name, chain]]),
    endpoints: new Map([...ruleset.endpoints, [address, endpoint]]),
  };
}
