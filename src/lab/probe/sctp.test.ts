import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32c, initAckPacket, initPacket, readSctp } from "./sctp.ts";

describe("sctp", () => {
  it("computes CRC32c as RFC 3720 (B.4) shows it", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
  });

  it("puts the checksum over the packet with the field zero, least significant byte first", () => {
    const packet = initPacket(40000, 9, 7);
    const sum = packet.readUInt32LE(8);
    packet.writeUInt32LE(0, 8);
    assert.equal(sum, crc32c(packet));
  });

  it("reads what it wrote, and answers an INIT with the tag that it asked for", () => {
    const init = readSctp(initPacket(40000, 9, 7));
    assert.deepEqual(init, { kind: "init", sourcePort: 40000, destinationPort: 9, tag: 7 });
    assert.ok(init !== null);
    const answer = initAckPacket(init);
    assert.equal(answer.readUInt32BE(4), 7, "the verification tag");
    assert.equal(readSctp(answer)?.kind, "init-ack");
    assert.equal(readSctp(answer)?.destinationPort, 40000);
  });

  it("takes nothing else for SCTP's first packets", () => {
    assert.equal(readSctp(Buffer.alloc(8)), null);
    const abort = initPacket(1, 2, 3);
    abort[12] = 6;
    assert.equal(readSctp(abort), null);
  });
});
