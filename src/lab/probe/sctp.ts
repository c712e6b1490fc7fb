/**
 * SCTP's first two packets, for kernels that have no SCTP sockets: INIT and INIT ACK (RFC 9260, section 3.3). Firewalls
 * and connection tracking see what they would see of a real association's begin.
 */
const headerSize = 12;
const INIT = 1;
const INIT_ACK = 2;
const stateCookie = 7;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC32c (Castagnoli), as SCTP's checksum. */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0);
  return ~value >>> 0;
}

interface SctpPacket {
  readonly kind: "init" | "init-ack";
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The tag that the sender of an INIT asks the other side to use. */
  readonly tag: number;
}

function packet(from: number, to: number, verification: number, type: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(headerSize + 4);
  bytes.writeUInt16BE(from, 0);
  bytes.writeUInt16BE(to, 2);
  bytes.writeUInt32BE(verification, 4);
  bytes.writeUInt8(type, headerSize);
  bytes.writeUInt16BE(4 + body.length, headerSize + 2);
  const whole = Buffer.concat([bytes, body]);
  whole.writeUInt32LE(crc32c(whole), 8);
  return whole;
}

function initBody(tag: number): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32BE(tag, 0);
  body.writeUInt32BE(65536, 4);
  body.writeUInt16BE(1, 8);
  body.writeUInt16BE(1, 10);
  body.writeUInt32BE(1, 12);
  return body;
}

export function initPacket(sourcePort: number, destinationPort: number, tag: number): Buffer {
  return packet(sourcePort, destinationPort, 0, INIT, initBody(tag));
}

/** The answer to an INIT. */
export function initAckPacket(init: SctpPacket): Buffer {
  const cookie = Buffer.from([0, stateCookie, 0, 8, 1, 2, 3, 4]);
  return packet(init.destinationPort, init.sourcePort, init.tag, INIT_ACK, Buffer.concat([initBody(1), cookie]));
}

/** Reads what one of the two builders above wrote; null for any other packet. */
export function readSctp(bytes: Buffer): SctpPacket | null {
  if (bytes.length < headerSize + 20) return null;
  const type = bytes.readUInt8(headerSize);
  if (type !== INIT && type !== INIT_ACK) return null;
  return {
    kind: type === INIT ? "init" : "init-ack",
    sourcePort: bytes.readUInt16BE(0),
    destinationPort: bytes.readUInt16BE(2),
    tag: bytes.readUInt32BE(headerSize + 4),
  };
}
