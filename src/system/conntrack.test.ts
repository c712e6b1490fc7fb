import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../test/own-namespace.ts";
import { clearConnectionMarks } from "./conntrack.ts";
import { call, errnoName } from "./libc.ts";
import { inNamespace } from "./namespace.ts";
import { MessageWriter } from "./netlink/message.ts";
import { NETLINK_NETFILTER, openNetlink } from "./netlink/socket.ts";

interface Entry {
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly mark: number;
}

const v4 = (a: number, b: number): readonly number[] => [10, 0, a, b];
const v6 = (last: number): readonly number[] => [0xfd, ...Array.from({ length: 14 }, () => 0), last];

function writeTuple(
  writer: MessageWriter,
  type: number,
  from: readonly number[],
  to: readonly number[],
  ports: [number, number],
): void {
  const tuple = writer.beginNest(type);
  const addresses = writer.beginNest(1);
  writer.bytes(from.length === 4 ? 1 : 3, Uint8Array.from(from));
  writer.bytes(from.length === 4 ? 2 : 4, Uint8Array.from(to));
  writer.endNest(addresses);
  const protocol = writer.beginNest(2);
  writer.u8(1, 17);
  writer.u16(2, ports[0]);
  writer.u16(3, ports[1]);
  writer.endNest(protocol);
  writer.endNest(tuple);
}

/** Makes entries of UDP flows without sending anything. */
function makeEntries(netns: string, entries: readonly Entry[]): void {
  const socket = openNetlink(netns, NETLINK_NETFILTER);
  const writer = new MessageWriter(1 << 20);
  for (const { source, destination, mark } of entries) {
    writer.begin(0x100, 0x401, 1); // CT_NEW; REQUEST, CREATE
    writer.netfilterHeader(source.length === 4 ? 2 : 10, 0);
    writeTuple(writer, 1, source, destination, [1000, 53]);
    writeTuple(writer, 2, destination, source, [53, 1000]);
    writer.u32(3, 0xa); // confirmed, seen both ways
    writer.u32(7, 600); // seconds
    writer.u32(8, mark);
    writer.end();
  }
  socket.send(writer.buffer, writer.length);
  if (socket.receive() > 0) assert.fail(`the kernel refused an entry: ${errnoName(-socket.received.readInt32LE(16))}`);
  socket.close();
}

describe("clearing marks of connections", { skip: noNamespaces, timeout: 60_000 }, () => {
  let space: OwnNamespace;
  before(() => {
    space = ownNamespace();
    // Connection tracking starts in a namespace with the first rule that asks for it.
    space.run(
      "nft",
      ["-f", "-"],
      "table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }\n",
    );
  });
  after(() => space.remove());

  const marks = (): readonly number[] =>
    ["ipv4", "ipv6"]
      .flatMap((family) => [...space.run("conntrack", ["-L", "-f", family]).matchAll(/^udp.* mark=(\d+)/gm)])
      .map((match) => Number(match[1]))
      .sort((a, b) => a - b);

  it("zeroes our bits of both families and keeps those of others", async () => {
    makeEntries(space.name, [
      { source: v4(0, 1), destination: v4(1, 1), mark: 0x00010000 },
      { source: v4(0, 2), destination: v4(1, 1), mark: 0xffff0005 },
      { source: v4(0, 3), destination: v4(1, 1), mark: 7 },
      { source: v6(1), destination: v6(2), mark: 0x12340009 },
    ]);
    assert.equal(await clearConnectionMarks(space.name, 0xffff0000), 3);
    assert.deepEqual(new Set(marks()), new Set([0, 5, 7, 9]));
    assert.equal(await clearConnectionMarks(space.name, 0xffff0000), 0);
  });

  it("lets the event loop turn while it goes through thousands", async () => {
    const entries = Array.from({ length: 5000 }, (_, index) => ({
      source: v4(100 + (index >> 8), index & 255),
      destination: v4(1, 2),
      mark: 0x00020000,
    }));
    makeEntries(space.name, entries);
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 0);
    assert.equal(await clearConnectionMarks(space.name, 0xffff0000), 5000);
    clearInterval(counting);
    assert.ok(turns >= 2, `${turns} turns`);
    assert.equal(marks().filter((mark) => mark >= 0x10000).length, 0);
  });

  it("says why it cannot", async () => {
    await assert.rejects(clearConnectionMarks("pct-there-is-none", 1), /ENOENT/);
  });
});

describe("being in another namespace", { skip: noNamespaces }, () => {
  it("ends with the work, also when the work throws", () => {
    const space = ownNamespace();
    const loopbackIsUp = (): boolean => {
      const socket = call("socket", 2, 2, 0);
      call("close", socket);
      return call("interfaceIndex", "lo") === 1;
    };
    try {
      space.run("ip", ["link", "add", "pct-only-here", "type", "bridge"]);
      const index = (): number => call("interfaceIndex", "pct-only-here");
      assert.ok(inNamespace(space.name, index) > 0);
      assert.equal(index(), 0);
      assert.throws(
        () =>
          inNamespace(space.name, () => {
            throw new Error("in there");
          }),
        /in there/,
      );
      assert.equal(index(), 0);
      assert.ok(loopbackIsUp());
    } finally {
      space.remove();
    }
  });
});
