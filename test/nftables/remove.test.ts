import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openDataplane } from "../../src/dataplane/registry.ts";
import { freshPort, useWorld } from "../contract/fixture.ts";
import { Udp } from "../contract/sockets.ts";
import type { World } from "../contract/world.ts";

/** The mark that the node's kernel keeps for a connection that opens now. */
async function markOfNew({ client, web, onNode }: World): Promise<() => number> {
  const [from, to] = [freshPort(), freshPort()];
  const server = Udp.open(web.netns, web.v4, to);
  const sender = Udp.open(client.netns, client.v4, from);
  sender.send(web.v4, to, "x");
  assert.equal(await server.receive(), "x");
  server.close();
  sender.close();
  const list = ["-L", "-p", "udp", "--sport", String(from)];
  return () => Number(/ mark=(\d+) /.exec(onNode("conntrack", ...list))?.[1]);
}

describe("a removal by somebody who does not know how the agent was started", () => {
  const suite = useWorld("nftables", 0xff00);

  it("clears the marks' bits that the table took for its own, and no others", async (context) => {
    const { world, enforce } = suite.of(context);
    const others = 0x1234_0056;
    world.onNode(
      "nft",
      `add table inet neighbour; add chain inet neighbour c { type filter hook forward priority -1; };
       add rule inet neighbour c ct mark set ${others}`,
    );
    const cleanup = openDataplane("nftables", { netns: world.node.netns });
    try {
      await enforce([]);
      const mark = await markOfNew(world);
      assert.equal(mark() & ~0xff00, others);
      assert.notEqual(mark() & 0xff00, 0);
      assert.deepEqual(await cleanup.remove(), ["table inet portcullis"]);
      assert.equal(mark(), others);
      assert.deepEqual(await cleanup.remove(), []);
      assert.equal(mark(), others);
    } finally {
      cleanup.close();
      world.onNode("nft", "delete", "table", "inet", "neighbour");
    }
  });
});
