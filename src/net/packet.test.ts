import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { packet4, packet6, word } from "../../test/built-packet.ts";
import { datagram, tcpSegment } from "../../test/names/dns-packet.ts";
import { tries } from "../../test/property.ts";
import { type Address, addressFromValue } from "./address.ts";
import { type Segment, readPacket, readSegment } from "./packet.ts";

const v4 = fc.nat(0xffffffff).map((value) => addressFromValue(4, BigInt(value)));
// Not IPv4-mapped: such an address is that IPv4 address, and its bytes are four.
const v6 = fc.bigInt({ min: 1n << 112n, max: (1n << 128n) - 1n }).map((value) => addressFromValue(6, value));
const port = fc.nat(65_535);
const portProtocol = fc.constantFrom(6, 17, 33, 132, 136);
const rest = fc.array(fc.nat(255), { minLength: 12, maxLength: 40 });

const options8 = fc.constant([0, 1, 4, 0, 0, 0, 0]);
const options16 = fc.constant([1, 1, 12, ...Array.from({ length: 12 }, () => 0)]);
const authentication = fc.constant([4, 0, 0, ...Array.from({ length: 20 }, () => 7)]);
const firstFragment = fc.constant([0, 0, 1, 0, 0, 0, 9]);
const header = fc.oneof(
  fc.tuple(fc.constantFrom(0, 43, 60, 135), options8),
  fc.tuple(fc.constantFrom(0, 60), options16),
  fc.tuple(fc.constant(51), authentication),
  fc.tuple(fc.constant(44), firstFragment),
);

const a = "10.0.0.1" as Address;
const b = "10.0.0.2" as Address;

describe("the beginning of a packet", () => {
  it("of IPv4 gives back what was built, with and without options", () => {
    fc.assert(
      fc.property(
        v4,
        v4,
        portProtocol,
        port,
        port,
        rest,
        fc.nat(10),
        (source, destination, protocol, from, to, more, options) => {
          const built = { source, destination, protocol, payload: [...word(from), ...word(to), ...more] };
          const read = readPacket(packet4(built, 0x4000, options));
          assert.deepEqual(read?.ports, { source: from, destination: to });
          assert.deepEqual([read.source, read.destination, read.protocol], [source, destination, protocol]);
        },
      ),
      tries(200),
    );
  });

  it("of IPv6 gives back what was built behind any extension headers", () => {
    fc.assert(
      fc.property(
        v6,
        v6,
        portProtocol,
        port,
        port,
        rest,
        fc.array(header, { maxLength: 6 }),
        (source, destination, protocol, from, to, more, headers) => {
          const built = { source, destination, protocol, payload: [...word(from), ...word(to), ...more] };
          const read = readPacket(packet6(built, headers));
          assert.deepEqual(read?.ports, { source: from, destination: to });
          assert.deepEqual([read.source, read.destination, read.protocol], [source, destination, protocol]);
        },
      ),
      tries(200),
    );
  });

  it("never throws, whatever the bytes are, and whatever is cut off tells no more than the whole", () => {
    const bytes = fc.uint8Array({ maxLength: 160 });
    const likely = fc
      .tuple(fc.constantFrom(0x45, 0x4f, 0x60), fc.constantFrom(0, 6, 17, 43, 44, 51, 60, 132), bytes)
      .map(([first, next, more]) => {
        more[0] = first;
        more[6] = next;
        more[9] = next;
        return more;
      });
    fc.assert(
      fc.property(fc.oneof(bytes, likely), fc.nat(160), (whole, length) => {
        const read = readPacket(whole);
        const cut = readPacket(whole.subarray(0, length));
        if (cut === null || length >= whole.length) return;
        assert.deepEqual([cut.source, cut.destination], [read?.source, read?.destination]);
        if (cut.ports !== null) assert.deepEqual(cut.ports, read?.ports);
      }),
      tries(2000),
    );
  });

  it("of a later fragment has the protocol and no ports", () => {
    const payload = [...word(1000), ...word(80), 1, 2, 3, 4];
    assert.equal(readPacket(packet4({ source: a, destination: b, protocol: 17, payload }, 100))?.ports, null);
    const six = { source: "fd00::1" as Address, destination: "fd00::2" as Address, protocol: 17, payload };
    const later = readPacket(packet6(six, [[44, [0, ...word(8 << 3), 0, 0, 0, 1]]]));
    assert.deepEqual([later?.protocol, later?.ports], [17, null]);
  });

  it("tells what asks for a connection", () => {
    const tcp = (flags: number) => [...word(1), ...word(2), ...Array.from({ length: 8 }, () => 0), 0x50, flags, 0, 0];
    const opens = (protocol: number, payload: readonly number[]) =>
      readPacket(packet4({ source: a, destination: b, protocol, payload }))?.opens;
    assert.deepEqual(
      [0x02, 0xc2, 0x12, 0x10, 0x04].map((flags) => opens(6, tcp(flags))),
      [true, true, false, false, false],
    );
    assert.equal(opens(6, tcp(2).slice(0, 13)), null);
    assert.deepEqual(
      [8, 0, 3, 11].map((type) => opens(1, [type, 0, 0, 0])),
      [true, false, null, null],
    );
    assert.deepEqual(
      [128, 129, 1].map((type) => opens(58, [type, 0, 0, 0])),
      [true, false, null],
    );
    assert.equal(opens(17, [...word(1), ...word(2)]), null);
  });

  it("of anything else is nothing", () => {
    for (const bytes of [
      [],
      [0x45],
      [0x50, ...Array.from({ length: 60 }, () => 0)],
      Array.from({ length: 19 }, () => 0x45),
    ]) {
      assert.equal(readPacket(Uint8Array.from(bytes)), null);
    }
    // A header length that is too small to be one.
    assert.equal(readPacket(Uint8Array.from([0x44, ...Array.from({ length: 40 }, () => 0)])), null);
  });
});

describe("a UDP or TCP packet", () => {
  const [source, destination] = ["10.0.0.1", "10.0.0.2"] as const;
  const ends = { source, sourcePort: 4000, destination, destinationPort: 53 };
  const ends6 = { ...ends, source: "2001:db8::1", destination: "2001:db8::2" };
  const bytes = Uint8Array.of(1, 2, 3);
  const payloadOf = (packet: Uint8Array): readonly number[] | string => {
    const read = readSegment(packet);
    return typeof read === "string" ? read : [...read.payload];
  };

  it("is read whole, without what a link adds behind it", () => {
    for (const these of [ends, ends6]) {
      const udp = datagram(these, bytes);
      const { payload, ...read } = readSegment(udp) as Segment;
      assert.deepEqual([...payload], [1, 2, 3]);
      assert.deepEqual(read, { ...these, protocol: "UDP", sequence: 0, opens: false, resets: false });
      assert.deepEqual(payloadOf(Uint8Array.from([...udp, 0, 0, 0])), [1, 2, 3]);
      const tcp = readSegment(tcpSegment(these, 0xfffffff0, bytes, 0x06)) as Segment;
      assert.deepEqual([tcp.protocol, tcp.sequence, tcp.opens, tcp.resets], ["TCP", 0xfffffff0, true, true]);
    }
  });

  it("cut off anywhere is none", () => {
    for (const packet of [
      datagram(ends, bytes),
      datagram(ends6, bytes),
      tcpSegment(ends, 1, bytes),
      tcpSegment(ends6, 1, bytes),
    ]) {
      for (let length = 0; length < packet.length; length += 1)
        assert.equal(readSegment(packet.subarray(0, length)), "unreadable");
    }
  });

  it("in pieces is told to be that, the first piece too", () => {
    const piece = {
      source: source as Address,
      destination: destination as Address,
      protocol: 17,
      payload: [0, 1, 0, 53, 0, 11, 0, 0, 1, 2, 3],
    };
    assert.equal(readSegment(packet4(piece, 0x2000)), "fragment");
    assert.equal(readSegment(packet4(piece, 5)), "fragment");
    assert.deepEqual(payloadOf(packet4(piece, 0x4000)), [1, 2, 3], "may not be cut, is not");
    const of6 = { ...piece, source: "2001:db8::1" as Address, destination: "2001:db8::2" as Address };
    assert.equal(readSegment(packet6(of6, [[44, [0, ...word(1), 0, 0, 0, 1]]])), "fragment");
    assert.equal(readSegment(packet6(of6, [[44, [0, ...word(8), 0, 0, 0, 1]]])), "fragment");
    assert.deepEqual(payloadOf(packet6(of6, [[44, [0, ...word(0), 0, 0, 0, 1]]])), [1, 2, 3], "a fragment of its own");
  });

  it("with whatever lengths never leads out of itself", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(datagram(ends, bytes), tcpSegment(ends6, 1, bytes)),
        fc.nat({ max: 60 }),
        fc.nat({ max: 255 }),
        (packet, at, value) => {
          const broken = Uint8Array.from(packet);
          if (at < broken.length) broken[at] = value;
          const read = readSegment(broken);
          if (typeof read !== "string") assert.ok(read.payload.length <= broken.length - 28);
        },
      ),
      tries(1000),
    );
  });
});
