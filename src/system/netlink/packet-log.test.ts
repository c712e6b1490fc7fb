import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as fc from "fast-check";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../test/own-namespace.ts";
import { tries } from "../../../test/property.ts";
import { type Address, addressBytes } from "../../net/address.ts";
import { readPacket } from "../../net/packet.ts";
import { call } from "../libc.ts";
import { inNamespace } from "../namespace.ts";
import { MessageWriter } from "./message.ts";
import { type LoggedPacket, eachLoggedPacket, listenToPacketLog } from "./packet-log.ts";

const group = 9080;

interface Heard {
  readonly packets: {
    readonly prefix: string;
    readonly destination: string | undefined;
    readonly port: number | null;
  }[];
  lost: number;
  readonly ended: string[];
}

function hear(space: OwnNamespace): { readonly heard: Heard; readonly stop: () => void } {
  const heard: Heard = { packets: [], lost: 0, ended: [] };
  const stop = listenToPacketLog(space.name, group, {
    packet: ({ prefix, head }) => {
      const packet = readPacket(head);
      heard.packets.push({ prefix, destination: packet?.destination, port: packet?.ports?.destination ?? null });
    },
    lost: (count) => (heard.lost += count),
    ended: (code) => void heard.ended.push(code),
  });
  return { heard, stop };
}

/** Sends UDP datagrams over the loopback of a namespace. */
function send(space: OwnNamespace, count: number): void {
  const to = Buffer.alloc(16);
  to.writeUInt16LE(2, 0);
  to.writeUInt16BE(53, 2);
  to.set(addressBytes("127.0.0.1" as Address), 4);
  inNamespace(space.name, () => {
    const fd = call("socket", 2, 2, 17);
    for (let index = 0; index < count; index += 1) call("sendto", fd, Buffer.from("x"), 1, 0, to, to.length);
    call("close", fd);
  });
}

async function waitFor(is: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5000; !is() && performance.now() < deadline;) await pause(5);
}

describe("the log of packets", { skip: noNamespaces, timeout: 60_000 }, () => {
  const within = async (use: (space: OwnNamespace) => Promise<void>): Promise<void> => {
    const space = ownNamespace();
    try {
      space.run("ip", ["link", "set", "lo", "up"]);
      space.run(
        "nft",
        ["-f", "-"],
        `table inet t { chain c { type filter hook output priority 0; udp dport 53 log prefix "one of ours" group ${group} snaplen 128; }; }\n`,
      );
      await use(space);
    } finally {
      space.remove();
    }
  };

  it("is heard in the namespace where the rules are, prefix and head", () =>
    within(async (space) => {
      const { heard, stop } = hear(space);
      send(space, 3);
      await waitFor(() => heard.packets.length === 3);
      stop();
      const packet = { prefix: "one of ours", destination: "127.0.0.1", port: 53 };
      assert.deepEqual(heard, { packets: [packet, packet, packet], lost: 0, ended: [] });
    }));

  it("has one listener, and is free again when that one stops", () =>
    within(async (space) => {
      const first = hear(space);
      assert.throws(() => hear(space), /nflog bind: EPERM/);
      first.stop();
      let second: ReturnType<typeof hear> | null = null;
      await waitFor(() => {
        try {
          second ??= hear(space);
        } catch {
          // The thread that reads has not come back yet.
        }
        return second !== null;
      });
      send(space, 1);
      await waitFor(() => second?.heard.packets.length === 1);
      second!.stop();
      assert.equal(first.heard.packets.length, 0);
      assert.equal(second!.heard.packets.length, 1);
    }));

  it("that comes faster than it is read is counted, and heard again afterwards", () =>
    within(async (space) => {
      const { heard, stop } = hear(space);
      const sent = 40_000;
      // This thread sends, so nothing is taken before all is sent.
      send(space, sent);
      await waitFor(() => heard.packets.length > 0);
      await pause(300);
      send(space, 1);
      await waitFor(() => heard.packets.length + heard.lost === sent + 1);
      stop();
      assert.ok(heard.lost > 0, "so many do not fit");
      assert.equal(heard.packets.length + heard.lost, sent + 1);
      assert.deepEqual(heard.ended, []);
    }));

  it("says why it cannot be heard", () => {
    assert.throws(
      () => listenToPacketLog("pct-there-is-none", group, { packet() {}, lost() {}, ended() {} }),
      /ENOENT/,
    );
  });
});

interface Tuple {
  readonly from: Address;
  readonly to: Address;
  readonly ports: readonly [number, number];
}

function writeTuple(writer: MessageWriter, type: number, { from, to, ports }: Tuple): void {
  const tuple = writer.beginNest(type);
  const addresses = writer.beginNest(1);
  const base = from.includes(":") ? 3 : 1;
  writer.bytes(base, addressBytes(from));
  writer.bytes(base + 1, addressBytes(to));
  writer.endNest(addresses);
  const protocol = writer.beginNest(2);
  writer.u8(1, 6);
  writer.u16(2, ports[0]);
  writer.u16(3, ports[1]);
  writer.endNest(protocol);
  writer.endNest(tuple);
}

function message(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter(4096);
  writer.begin(0x400, 0, 0);
  writer.netfilterHeader(2, group);
  write(writer);
  writer.end();
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

function read(bytes: Buffer): readonly { readonly packet: LoggedPacket; readonly sequence: number | null }[] {
  const found: { packet: LoggedPacket; sequence: number | null }[] = [];
  eachLoggedPacket(bytes, bytes.length, (packet, sequence) => void found.push({ packet, sequence }));
  return found;
}

describe("a message of the log", () => {
  it("has the connection both ways where the kernel tells it", () => {
    const original: Tuple = { from: "10.0.0.1" as Address, to: "10.96.0.1" as Address, ports: [4000, 80] };
    const reply: Tuple = { from: "10.0.0.2" as Address, to: "10.0.0.1" as Address, ports: [8080, 4000] };
    const [only] = read(
      message((writer) => {
        writer.string(10, "portcullis deny ingress isolated");
        writer.u32(12, 7);
        writer.bytes(9, Uint8Array.of(0x45));
        const connection = writer.beginNest(18);
        writeTuple(writer, 1, original);
        writeTuple(writer, 2, reply);
        writer.endNest(connection);
      }),
    );
    assert.equal(only?.packet.prefix, "portcullis deny ingress isolated");
    assert.equal(only.sequence, 7);
    const asRead = ({ from, to, ports }: Tuple) => ({
      source: from,
      destination: to,
      protocol: 6,
      ports: { source: ports[0], destination: ports[1] },
    });
    assert.deepEqual(only.packet.connection, { original: asRead(original), reply: asRead(reply) });
  });

  it("that is cut off, garbled or nonsense is read without a fault, and never beyond its end", () => {
    const whole = message((writer) => {
      writer.string(10, "portcullis deny none unknown");
      const connection = writer.beginNest(18);
      writeTuple(writer, 1, { from: "fd00::1" as Address, to: "fd00::2" as Address, ports: [1, 2] });
      writer.endNest(connection);
      writer.bytes(9, new Uint8Array(128));
    });
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), fc.nat(whole.length), (changes, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        for (const { packet } of read(bytes.subarray(0, length))) {
          assert.ok(packet.head.length <= length && packet.prefix.length <= length);
          readPacket(packet.head);
        }
      }),
      tries(3000),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.from(bytes))),
      tries(500),
    );
  });
});
