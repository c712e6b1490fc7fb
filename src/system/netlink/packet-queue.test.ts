import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../test/own-namespace.ts";
import { tries } from "../../../test/property.ts";
import { type Address, addressBytes } from "../../net/address.ts";
import { readPacket } from "../../net/packet.ts";
import { openBell, openWaiter, ringBell, closeDescriptor } from "../waiting-thread.ts";
import { SystemCallError, attempt, call } from "../libc.ts";
import { inNamespace } from "../namespace.ts";
import { type PacketQueue, eachQueuedPacket, openPacketQueue } from "./packet-queue.ts";

const queue = 9090;
const options = { queue, copyRange: 0xffff, length: 64, socketBuffer: 1 << 20, failOpen: true };
const MSG_DONTWAIT = 0x40;

/** A UDP socket on the loopback of a namespace that sends to itself. */
function looped(space: OwnNamespace) {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(2, 0);
  address.writeUInt16BE(53, 2);
  address.set(addressBytes("127.0.0.1" as Address), 4);
  const fd = inNamespace(space.name, () => call("socket", 2, 2, 17));
  call("bind", fd, address, 16);
  const room = Buffer.alloc(64);
  return {
    send: (text: string) => void call("sendto", fd, Buffer.from(text), text.length, 0, address, 16),
    /** What has arrived. */
    arrived: (): readonly string[] => {
      const found: string[] = [];
      for (let got = attempt("recv", fd, room, 64, MSG_DONTWAIT); typeof got === "number";) {
        found.push(room.toString("latin1", 0, got));
        got = attempt("recv", fd, room, 64, MSG_DONTWAIT);
      }
      return found;
    },
    close: () => void call("close", fd),
  };
}

/** By iptables: it knows the target wherever the kernel does, which nft's `queue` is not. */
function within(use: (space: OwnNamespace, socket: ReturnType<typeof looped>) => void): void {
  const space = ownNamespace();
  try {
    space.run("ip", ["link", "set", "lo", "up"]);
    const rule = ["-A", "OUTPUT", "-p", "udp", "--dport", "53", "-j", "NFQUEUE"];
    space.run("iptables", [...rule, "--queue-num", String(queue), "--queue-bypass"]);
    const socket = looped(space);
    try {
      use(space, socket);
    } finally {
      socket.close();
    }
  } finally {
    space.remove();
  }
}

function packetsIn(open: PacketQueue): { readonly id: number; readonly text: string }[] {
  const found: { readonly id: number; readonly text: string }[] = [];
  while (open.receive(({ id, bytes }) => found.push({ id, text: Buffer.from(bytes.subarray(28)).toString("latin1") })));
  return found;
}

describe("the queue of packets", { skip: noNamespaces, timeout: 60_000 }, () => {
  it("holds each packet until it is decided about, in whatever order", () =>
    within((space, socket) => {
      socket.send("nobody listens");
      assert.deepEqual(socket.arrived(), ["nobody listens"]);
      const open = openPacketQueue(space.name, options);
      try {
        for (const text of ["a", "b", "c"]) socket.send(text);
        const packets = packetsIn(open);
        assert.deepEqual(
          packets.map(({ text }) => text),
          ["a", "b", "c"],
        );
        assert.deepEqual(socket.arrived(), []);
        const [a, b, c] = packets.map(({ id }) => id);
        open.decide(c ?? 0, "accept");
        open.decide(b ?? 0, "drop");
        open.flush();
        assert.deepEqual(socket.arrived(), ["c"]);
        open.decide(a ?? 0, "accept");
        open.flush();
        assert.deepEqual(socket.arrived(), ["a"]);
        assert.equal(open.lost(), 0);
      } finally {
        open.close();
      }
      socket.send("nobody listens any more");
      assert.deepEqual(socket.arrived(), ["nobody listens any more"]);
    }));

  it("lets what has no room pass, and counts it", () =>
    within((space, socket) => {
      const open = openPacketQueue(space.name, { ...options, length: 2 });
      try {
        for (const text of ["a", "b", "c", "d"]) socket.send(text);
        assert.deepEqual(socket.arrived(), ["c", "d"]);
        assert.equal(packetsIn(open).length, 2);
      } finally {
        open.close();
      }
    }));

  it("is given up without losing a packet", () =>
    within((space, socket) => {
      const open = openPacketQueue(space.name, options);
      socket.send("before");
      const accept = ({ id }: { readonly id: number }) => open.decide(id, "accept");
      open.passBy(accept);
      socket.send("after");
      assert.deepEqual(socket.arrived(), ["after"]);
      while (open.receive(accept));
      open.flush();
      assert.deepEqual(socket.arrived(), ["before"]);
      open.close();
    }));

  it("has one listener, and shows so much of a packet as is wanted", () =>
    within((space, socket) => {
      const open = openPacketQueue(space.name, { ...options, copyRange: 28 });
      try {
        assert.throws(() => openPacketQueue(space.name, options), { code: "EPERM" });
        socket.send("more than that");
        let seen = 0;
        open.receive(({ id, bytes, isCut }) => {
          seen += 1;
          assert.equal(isCut, true);
          assert.equal(bytes.length, 28);
          assert.equal(readPacket(bytes)?.destination, "127.0.0.1");
          open.decide(id, "accept");
        });
        open.flush();
        assert.equal(seen, 1);
        assert.deepEqual(socket.arrived(), ["more than that"]);
      } finally {
        open.close();
      }
    }));

  it("wakes who waits for it, and so does the bell", () =>
    within((space, socket) => {
      const open = openPacketQueue(space.name, options);
      const bell = openBell();
      const waiter = openWaiter(bell, [open.fd]);
      const waited = (): number => {
        const since = performance.now();
        waiter.wait(150);
        return performance.now() - since;
      };
      // A wait may end early for nothing, as all that wait in the kernel may; not again and again.
      const sleeps = (): boolean => [1, 2, 3, 4, 5].some(() => waited() >= 140);
      try {
        assert.ok(sleeps());
        ringBell(bell);
        ringBell(bell);
        assert.ok(waited() < 140);
        assert.ok(sleeps(), "it is heard once");
        socket.send("a");
        assert.ok(!sleeps(), "it waits to be read");
        open.receive(({ id }) => open.decide(id, "accept"));
        open.flush();
        assert.ok(sleeps());
      } finally {
        waiter.close();
        open.close();
        closeDescriptor(bell);
      }
    }));

  it("cannot be had where there is no such namespace", () => {
    assert.throws(
      () => openPacketQueue("pct-there-is-none", options),
      (error: unknown) => !(error instanceof SystemCallError),
    );
  });
});

describe("what the queue's socket gives", () => {
  it("is read within its bounds, whatever it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 200 }), (bytes, size) => {
        const buffer = Buffer.from(bytes);
        if (buffer.length >= 6) {
          buffer.writeUInt32LE(size, 0);
          buffer.writeUInt16LE(0x300, 4);
        }
        eachQueuedPacket(buffer, buffer.length, (packet) => assert.ok(packet.bytes.length <= buffer.length));
      }),
      tries(2000),
    );
  });
});
