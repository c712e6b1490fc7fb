import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { freshPort, pings, policyFor, reachesTcp, reachesUdp, useWorld } from "./fixture.ts";
import { Raw, tcpSegment, Udp, udpOverIpv6 } from "./sockets.ts";
import type { Host, World } from "./world.ts";

const ack = 0x10;
const everyFlag = 0x3f;

/** Whether a single TCP segment of nobody's connection arrives. */
async function strayArrives(from: Host, to: Host, tcpFlags: number): Promise<boolean> {
  const receiver = Raw.open(to.netns, to.v4, 6);
  const sender = Raw.open(from.netns, from.v4, 6);
  const ports = [freshPort(), freshPort()] as const;
  try {
    sender.send(to.v4, tcpSegment(from.v4, to.v4, ports, tcpFlags));
    return await receiver.sees(
      (packet) => packet.readUInt16BE(20) === ports[0] && packet.readUInt16BE(22) === ports[1],
    );
  } finally {
    receiver.close();
    sender.close();
  }
}

const open = policyFor("open", "web", { ingress: [{}] });
const isolated = (name: string) => policyFor(`deny-${name}`, name, { policyTypes: ["Ingress", "Egress"] });

for (const name of dataplaneNames) {
  describe(`${name}: edges`, () => {
    const suite = useWorld(name);

    it("a node always reaches its pods, from whatever address, and nobody does with a node's address", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([isolated("web")]);
      const link = { ...world.node, v4: "169.254.1.1" as Host["v4"] };
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.node, world.web, freshPort(), family), true);
        assert.equal(await reachesUdp(world.node, world.web, freshPort(), family), true);
        assert.equal(await pings(world.node, world.web, family), true);
      }
      assert.equal(await reachesTcp(link, world.web, freshPort()), true);
      assert.equal(await strayArrives(spoofing(world), world.web, 2), false);
    });

    it("a pod's link-local address is no way to its node's other addresses", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([isolated("web")]);
      const own = "fe80::abcd" as Host["v6"];
      const port = freshPort();
      const server = Udp.open(world.node.netns, world.node.v6, port);
      const sender = Raw.open(world.web.netns, world.web.v6, 255);
      sender.send(world.node.v6, udpOverIpv6(own, world.node.v6, [freshPort(), port], "hello"));
      assert.equal(await server.receive(), null);
      await enforce([]);
      sender.send(world.node.v6, udpOverIpv6(world.web.v6, world.node.v6, [freshPort(), port], "hello"));
      assert.equal(await server.receive(), "hello", "the packet itself is good");
      server.close();
      sender.close();
    });

    it("an address of the range that belongs to no known pod is denied, both ways", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([]);
      for (const family of ["v4", "v6"] as const) {
        assert.equal(await reachesTcp(world.stranger, world.outside, freshPort(), family), false);
        assert.equal(await reachesTcp(world.stranger, world.web, freshPort(), family), false);
        assert.equal(await reachesTcp(world.outside, world.stranger, freshPort(), family), false);
        assert.equal(await reachesTcp(world.web, world.stranger, freshPort(), family), false);
        assert.equal(await reachesTcp(world.stranger, world.node, freshPort(), family), false);
        assert.equal(await reachesTcp(world.node, world.stranger, freshPort(), family), false, "not even the node");
        assert.equal(await reachesTcp(world.node, world.client, freshPort(), family), true);
        assert.equal(await reachesTcp(world.node, world.remote, freshPort(), family), true);
        assert.equal(await reachesTcp(world.web, world.node, freshPort(), family), true, "the gateway is the node");
      }
      assert.equal(await strayArrives(world.outside, world.stranger, everyFlag), false);
      await enforce([], { unknownPods: "accept" });
      assert.equal(await reachesTcp(world.stranger, world.outside, freshPort()), true);
      assert.equal(await reachesTcp(world.outside, world.stranger, freshPort()), true);
    });

    it("packets without a connection are no way to or from an isolated pod, whatever is allowed", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([open]);
      for (const flags of [ack, everyFlag]) {
        assert.equal(await strayArrives(world.outside, world.web, flags), false);
        assert.equal(await strayArrives(world.web, world.outside, flags), false);
        assert.equal(await strayArrives(world.outside, world.client, flags), true, "nothing isolates this one");
      }
      assert.equal(await strayArrives(world.outside, world.web, 2), true, "a SYN is allowed");
    });

    it("neighbour discovery and MLD pass to isolated pods, other ICMPv6 does not", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([isolated("web")]);
      for (const [type, expected] of [
        [130, true],
        [135, true],
        [137, true],
        [143, true],
        [128, false],
      ] as const) {
        assert.equal(await icmpv6Arrives(world, type), expected, `type ${type}`);
      }
    });

    it("the default verdict holds where nothing else does", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([], { defaultVerdict: "deny" });
      assert.equal(await reachesTcp(world.outside, world.web, freshPort()), false);
      assert.equal(await reachesTcp(world.web, world.outside, freshPort()), false);
      assert.equal(await reachesTcp(world.node, world.web, freshPort()), true);
    });

    it("traffic between others is none of its business", async (context) => {
      const { world, enforce } = suite.of(context);
      await enforce([isolated("web")]);
      assert.equal(await reachesTcp(world.remote, world.outside, freshPort()), true);
      assert.equal(await reachesTcp(world.outside, world.remote, freshPort(), "v6"), true);
      assert.equal(await strayArrives(world.outside, world.remote, everyFlag), true);
    });
  });
}

/** The outside host with the node's address: its packets are forwarded, so the node did not send them. */
function spoofing({ node, outside, onNode }: World): Host {
  onNode("ip", "netns", "exec", outside.netns, "ip", "addr", "add", `${node.v4}/32`, "dev", "eth0");
  return { ...outside, v4: node.v4 };
}

async function icmpv6Arrives(world: World, type: number): Promise<boolean> {
  const receiver = Raw.open(world.web.netns, world.web.v6, 58);
  const sender = Raw.open(world.outside.netns, world.outside.v6, 58);
  const message = Buffer.alloc(24, 0);
  const tag = freshPort();
  message[0] = type;
  message.writeUInt16BE(tag, 20);
  try {
    sender.send(world.web.v6, message);
    return await receiver.sees(
      (packet) => packet[0] === type && packet.length >= 22 && packet.readUInt16BE(20) === tag,
    );
  } finally {
    receiver.close();
    sender.close();
  }
}
