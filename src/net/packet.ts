import { type Address, type Family, addressFromValue } from "./address.ts";

/** What the beginning of an IP packet tells. */
export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** The number of the protocol after all extension headers that are there to be read. */
  readonly protocol: number;
  /** Null where the protocol has none, or where they are cut off, encrypted or in another fragment. */
  readonly ports: { readonly source: number; readonly destination: number } | null;
  /** Asks for a connection: TCP SYN without ACK, SCTP INIT, an ICMP request. Null: it does not say. */
  readonly opens: boolean | null;
}

const tcp = 6;
const udp = 17;
const dccp = 33;
const sctp = 132;
const udpLite = 136;
const icmp = 1;
const icmpv6 = 58;

const withPorts = new Set([tcp, udp, dccp, sctp, udpLite]);

/** IPv6 headers that say what comes after them: hop-by-hop, routing, destination options, mobility, HIP, shim6. */
const extensionHeaders = new Set([0, 43, 60, 135, 139, 140]);
const fragmentHeader = 44;
const authenticationHeader = 51;

/** A packet has few of these; a forged chain of hundreds is not worth following. */
const mostHeaders = 16;

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const wordAt = (bytes: Uint8Array, at: number): number => byteAt(bytes, at) * 256 + byteAt(bytes, at + 1);

function addressAt(bytes: Uint8Array, at: number, family: Family): Address {
  let value = 0n;
  for (let index = 0; index < (family === 4 ? 4 : 16); index += 1) {
    value = (value << 8n) | BigInt(byteAt(bytes, at + index));
  }
  return addressFromValue(family, value);
}

/** What carries the payload: where it starts, null where this piece does not hold its beginning. */
interface Upper {
  readonly protocol: number;
  readonly start: number | null;
  /** One piece of several, the first one included. */
  readonly isFragment: boolean;
}

function upperOf4(bytes: Uint8Array): Upper | null {
  const header = (byteAt(bytes, 0) & 15) * 4;
  if (header < 20 || bytes.length < 20) return null;
  const laterFragment = (wordAt(bytes, 6) & 0x1fff) !== 0;
  const isFragment = (wordAt(bytes, 6) & 0x3fff) !== 0;
  return afterAuthentication(bytes, { protocol: byteAt(bytes, 9), start: laterFragment ? null : header, isFragment });
}

/** The authentication header signs and does not hide: what it protects can be read behind it. */
function afterAuthentication(bytes: Uint8Array, upper: Upper): Upper {
  if (upper.protocol !== authenticationHeader || upper.start === null) return upper;
  if (upper.start + 2 > bytes.length) return { ...upper, protocol: authenticationHeader, start: null };
  const start = upper.start + (byteAt(bytes, upper.start + 1) + 2) * 4;
  return { ...upper, protocol: byteAt(bytes, upper.start), start };
}

function upperOf6(bytes: Uint8Array): Upper | null {
  if (bytes.length < 40) return null;
  let protocol = byteAt(bytes, 6);
  let start = 40;
  let isFragment = false;
  for (let count = 0; count < mostHeaders; count += 1) {
    if (protocol === authenticationHeader) {
      const after = afterAuthentication(bytes, { protocol, start, isFragment });
      if (after.start === null) return after;
      ({ protocol } = after);
      start = after.start;
    } else if (protocol === fragmentHeader) {
      if (start + 8 > bytes.length) return { protocol, start: null, isFragment: true };
      protocol = byteAt(bytes, start);
      isFragment ||= (wordAt(bytes, start + 2) & 0xfff9) !== 0;
      if (wordAt(bytes, start + 2) >> 3 !== 0) return { protocol, start: null, isFragment };
      start += 8;
    } else if (extensionHeaders.has(protocol)) {
      if (start + 2 > bytes.length) return { protocol, start: null, isFragment };
      protocol = byteAt(bytes, start);
      start += (byteAt(bytes, start + 1) + 1) * 8;
    } else return { protocol, start, isFragment };
  }
  return { protocol, start: null, isFragment };
}

function opensConnection(bytes: Uint8Array, protocol: number, start: number): boolean | null {
  if (protocol === tcp && start + 14 <= bytes.length) return (byteAt(bytes, start + 13) & 0x12) === 0x02;
  if (protocol === sctp && start + 13 <= bytes.length) return byteAt(bytes, start + 12) === 1;
  if (start >= bytes.length) return null;
  const type = byteAt(bytes, start);
  if (protocol === icmp) return type === 8 || type === 13 ? true : type === 0 || type === 14 ? false : null;
  if (protocol === icmpv6) return type === 128 ? true : type === 129 ? false : null;
  return null;
}

/**
 * Reads the beginning of an IP packet, however it is cut off or forged. Null where it is no IP packet or where even
 * its addresses are not there. Never throws. Costs what its headers cost, of which it follows 16 at most.
 */
export function readPacket(bytes: Uint8Array): Packet | null {
  const version = byteAt(bytes, 0) >> 4;
  if (version !== 4 && version !== 6) return null;
  const upper = version === 4 ? upperOf4(bytes) : upperOf6(bytes);
  if (upper === null) return null;
  const { protocol, start } = upper;
  const hasPorts = withPorts.has(protocol) && start !== null && start + 4 <= bytes.length;
  const [source, destination] = version === 4 ? [12, 16] : [8, 24];
  return {
    source: addressAt(bytes, source, version),
    destination: addressAt(bytes, destination, version),
    protocol,
    ports: hasPorts ? { source: wordAt(bytes, start), destination: wordAt(bytes, start + 2) } : null,
    opens: start === null ? null : opensConnection(bytes, protocol, start),
  };
}

/** What one packet carries of a UDP or TCP conversation. */
export interface Segment {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: "TCP" | "UDP";
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** A view of the packet's bytes: valid as long as they are. */
  readonly payload: Uint8Array;
  /** TCP's number of the first byte and what opens and ends the stream; of UDP 0 and false. */
  readonly sequence: number;
  readonly opens: boolean;
  readonly resets: boolean;
}

/** Why there is none: it is one of several pieces, or it is neither UDP nor TCP or not whole. */
export type NoSegment = "fragment" | "unreadable";

function shortAddressAt(bytes: Uint8Array, at: number, family: Family): Address {
  if (family === 6) return addressAt(bytes, at, family);
  return `${byteAt(bytes, at)}.${byteAt(bytes, at + 1)}.${byteAt(bytes, at + 2)}.${byteAt(bytes, at + 3)}` as Address;
}

/** Where the packet ends by its own word; what a link adds behind it does not count. 0 stands for more than 64 KiB. */
function endOf(bytes: Uint8Array, version: Family): number {
  const told = version === 4 ? wordAt(bytes, 2) : wordAt(bytes, 4) === 0 ? 0 : wordAt(bytes, 4) + 40;
  return told === 0 ? bytes.length : told;
}

/** Reads a whole UDP or TCP packet. Never throws. */
export function readSegment(bytes: Uint8Array): Segment | NoSegment {
  const version = byteAt(bytes, 0) >> 4;
  if (version !== 4 && version !== 6) return "unreadable";
  const upper = version === 4 ? upperOf4(bytes) : upperOf6(bytes);
  if (upper === null) return "unreadable";
  if (upper.isFragment) return "fragment";
  const { protocol, start } = upper;
  const end = endOf(bytes, version);
  if (start === null || (protocol !== udp && protocol !== tcp) || end > bytes.length) return "unreadable";
  const isTcp = protocol === tcp;
  const header = isTcp ? (byteAt(bytes, start + 12) >> 4) * 4 : 8;
  const stop = isTcp ? end : start + wordAt(bytes, start + 4);
  if (header < (isTcp ? 20 : 8) || start + header > stop || stop > end) return "unreadable";
  const flags = isTcp ? byteAt(bytes, start + 13) : 0;
  const [source, destination] = version === 4 ? [12, 16] : [8, 24];
  return {
    source: shortAddressAt(bytes, source, version),
    destination: shortAddressAt(bytes, destination, version),
    protocol: isTcp ? "TCP" : "UDP",
    sourcePort: wordAt(bytes, start),
    destinationPort: wordAt(bytes, start + 2),
    payload: bytes.subarray(start + header, stop),
    sequence: isTcp ? wordAt(bytes, start + 4) * 65_536 + wordAt(bytes, start + 6) : 0,
    opens: (flags & 0x02) !== 0,
    resets: (flags & 0x04) !== 0,
  };
}
