import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { freshPort, pings, podPeer, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";

for (const name of dataplaneNames) {
  describe(`${name}: who reaches whom`, () => {
    const suite = useWorld(name);

    it("without policies everybody reaches everybody, with every protocol", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([]);
      for (const family of ["v4", "v6"] as const) {
        for (const peer of [world.client, world.remote, world.outside]) {
          assert.equal(await reachesTcp(peer, world.web, 80, family), true);
          assert.equal(await reachesTcp(world.web, peer, 80, family), true);
        }
        assert.equal(await reachesUdp(world.client, world.web, 53, family), true);
        assert.equal(await pings(world.client, world.web, family), true);
      }
    });

    it("an empty policy isolates, in both families, and only its subject", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([policyFor("deny", "web", {})]);
      for (const family of ["v4", "v6"] as const) {
        for (const peer of [world.client, world.remote, world.outside]) {
          assert.equal(await reachesTcp(peer, world.web, 80, family), false);
          assert.equal(await reachesUdp(peer, world.web, freshPort(), family), false);
          assert.equal(await reachesTcp(peer, world.other, 80, family), true);
        }
        assert.equal(await pings(world.client, world.web, family), false);
        assert.equal(await reachesTcp(world.web, world.outside, 80, family), true, "egress is not isolated");
        assert.equal(await reachesUdp(world.web, world.other, freshPort(), family), true, "answers come back");
      }
    });

    it("egress isolates towards pods, outside and the pod's own node", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([
        policyFor("eg", "web", {
          policyTypes: ["Egress"],
          egress: [{ to: [podPeer("client")], ports: [{ port: 80 }] }],
        }),
      ]);
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.web, world.client, 80, family), true);
        assert.equal(await reachesTcp(world.web, world.client, 81, family), false);
        assert.equal(await reachesTcp(world.web, world.other, 80, family), false);
        assert.equal(await reachesTcp(world.web, world.outside, 80, family), false);
        assert.equal(await reachesTcp(world.web, world.node, 80, family), false);
        assert.equal(await reachesTcp(world.client, world.node, 80, family), true);
        assert.equal(await reachesTcp(world.client, world.web, 80, family), true, "ingress is not isolated");
      }
    });

    it("peers and ports must fit both; named ports are the destination's", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([
        policyFor("in", "web", {
          ingress: [
            { from: [podPeer("client"), podPeer("remote")], ports: [{ port: "http" }, { port: 9000, endPort: 9003 }] },
            { from: [{ ipBlock: { cidr: "203.0.113.0/24", except: ["203.0.113.128/25"] } }], ports: [{ port: 443 }] },
          ],
        }),
        policyFor("named", "other", {
          policyTypes: ["Egress"],
          egress: [{ to: [podPeer("client")], ports: [{ port: "http" }] }],
        }),
      ]);
      for (const [peer, port, expected] of [
        [world.client, 8080, true],
        [world.remote, 8080, true],
        [world.remote, 9000, true],
        [world.remote, 9003, true],
        [world.remote, 9004, false],
        [world.client, 80, false],
        [world.other, 8080, false],
        [world.outside, 443, true],
        [world.outside, 8080, false],
        [world.client, 443, false],
      ] as const) {
        assert.equal(await reachesTcp(peer, world.web, port), expected, `${peer.netns} to port ${port}`);
        assert.equal(await reachesUdp(peer, world.web, port), false, "TCP is what the policy names");
      }
      assert.equal(await reachesTcp(world.other, world.client, 8080), true);
      assert.equal(await reachesTcp(world.other, world.client, 8081), false);
      assert.equal(await reachesTcp(world.other, world.web, 8080), false);
    });

    it("a block with an except, ranges and a port-less rule let exactly theirs through", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([
        policyFor("in", "web", {
          ingress: [
            {
              from: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["203.0.113.8/29"] } }],
              ports: [{ protocol: "UDP", port: 53 }],
            },
            { from: [podPeer("remote")] },
          ],
        }),
      ]);
      assert.equal(await reachesUdp(world.client, world.web, 53), true);
      assert.equal(await reachesUdp(world.outside, world.web, 53), false);
      assert.equal(await reachesUdp(world.client, world.web, 53, "v6"), false, "0.0.0.0/0 is IPv4 only");
      assert.equal(await pings(world.remote, world.web), true);
      assert.equal(await pings(world.remote, world.web, "v6"), true);
      assert.equal(await pings(world.client, world.web), false, "a rule with ports never matches ICMP");
    });

    it("more peers than stand in line count for the rule that lets them in", async (context) => {
      const { world, dataplane, enforce } = suite.of(context);
      const labels = ["a", "b", "c", "d", "e"].map((label) =>
        policyFor(label, "web", { ingress: [{ from: [podPeer(label)] }] }),
      );
      await enforce([...labels, policyFor("remote", "web", { ingress: [{ from: [podPeer("remote")] }] })]);
      assert.equal(await reachesUdp(world.client, world.web, freshPort()), false);
      const before = await counted(dataplane, "NetworkPolicy/alpha/remote");
      assert.equal(await reachesUdp(world.remote, world.web, freshPort()), true);
      assert.equal((await counted(dataplane, "NetworkPolicy/alpha/remote")) - before, 1n);
      assert.equal(await counted(dataplane, "NetworkPolicy/alpha/a"), 0n);
    });

    it("a Service's address is its backend's, and a pod reaches itself through it", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([
        policyFor("in", "web", { ingress: [{ from: [podPeer("client")] }] }),
        policyFor("eg", "client", { policyTypes: ["Egress"], egress: [{ to: [podPeer("web")] }] }),
        policyFor("none", "web", { policyTypes: ["Ingress", "Egress"] }),
      ]);
      assert.equal(await reachesTcp(world.client, world.web, 80, "v4", world.service), true);
      assert.equal(await reachesTcp(world.other, world.web, 80, "v4", world.service), false);
      assert.equal(await reachesTcp(world.web, world.web, 80, "v4", world.service), true);
    });
  });
}

/** Packets that all counters of the policy counted. */
async function counted(
  dataplane: { counters(): Promise<readonly { name: string; packets: bigint }[]> },
  policy: string,
) {
  const counters = (await dataplane.counters()).filter(({ name }) => name.startsWith(`${policy} `));
  assert.ok(counters.length > 0, `no counter of ${policy}`);
  return counters.reduce((sum, { packets }) => sum + packets, 0n);
}
