import { type Address, addressFromValue } from "../../net/address.ts";
import { SystemCallError, errnoName } from "../libc.ts";
import { NFGEN_HEADER, type Span, attributesOf, eachMessage, textOf, u32Of } from "./attributes.ts";
import { listen } from "./listen.ts";
import { MessageWriter } from "./message.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, ignoreOverruns, openNetlink } from "./socket.ts";

const NLMSG_ERROR = 2;
const NLM_F_REQUEST_ACK = 0x5;
const ULOG_PACKET = 0x400;
const ULOG_CONFIG = 0x401;
const bindCommand = 1;
const copyPacket = 2;
const Config = { command: 1, mode: 2, timeout: 4, queueThreshold: 5, flags: 6 } as const;
const Flag = { sequence: 1, conntrack: 4 } as const;
const Attribute = { payload: 9, prefix: 10, sequence: 12, conntrack: 18 } as const;
const Tuple = { original: 1, reply: 2, addresses: 1, protocol: 2 } as const;
const Ip = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const;
const Proto = { number: 1, sourcePort: 2, destinationPort: 3 } as const;

/** How much of each packet is copied: all headers that count, and as little of what users send as can be. */
const copyRange = 128;
/** So many packets wait in the kernel at most before they are handed over together, and so long. */
const queueThreshold = 16;
const queueTimeout = 10; // hundredths of a second

/** One direction of a connection as the kernel's connection tracking knows it. */
export interface ConnectionTuple {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly ports: { readonly source: number; readonly destination: number } | null;
}

/** One packet that a `log group` rule reported. */
export interface LoggedPacket {
  readonly prefix: string;
  /** From its IP header on, cut off. Valid during the call only. */
  readonly head: Uint8Array;
  /** The connection that it belongs to; null where the kernel does not tell (it may not be built to). */
  readonly connection: { readonly original: ConnectionTuple; readonly reply: ConnectionTuple } | null;
}

export interface PacketLogListener {
  readonly packet: (packet: LoggedPacket) => void;
  /** So many packets were logged that did not get here: they came faster than they were read. */
  readonly lost: (count: number) => void;
  /** Reading has failed for good. */
  readonly ended: (code: string) => void;
}

function writeConfig(socket: NetlinkSocket, group: number, write: (writer: MessageWriter) => void): string | null {
  const writer = new MessageWriter(128);
  writer.begin(ULOG_CONFIG, NLM_F_REQUEST_ACK, 1);
  writer.netfilterHeader(0, group);
  write(writer);
  writer.end();
  socket.send(writer.buffer, writer.length);
  // Packets may come before the answer; nobody has asked for them yet.
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    const code = answerIn(socket.received, length);
    if (code !== null) return code === 0 ? null : errnoName(-code);
  }
  return "EIO";
}

function answerIn(received: Buffer, length: number): number | null {
  let code: number | null = null;
  eachMessage(received, length, (type, _flags, start, end) => {
    if (type === NLMSG_ERROR && start + 20 <= end) code = received.readInt32LE(start + 16);
  });
  return code;
}

function configure(socket: NetlinkSocket, group: number): void {
  const bound = writeConfig(socket, group, (writer) => writer.u8(Config.command, bindCommand));
  if (bound !== null) throw new SystemCallError("nflog bind", bound);
  const refused = writeConfig(socket, group, (writer) => {
    const at = writer.attribute(Config.mode, 6);
    writer.buffer.writeUInt32BE(copyRange, at);
    writer.buffer[at + 4] = copyPacket;
    writer.buffer[at + 5] = 0;
    writer.u32(Config.timeout, queueTimeout);
    writer.u32(Config.queueThreshold, queueThreshold);
    writer.u16(Config.flags, Flag.sequence);
  });
  if (refused !== null) throw new SystemCallError("nflog configure", refused);
  // Kernels without CONFIG_NETFILTER_NETLINK_GLUE_CT refuse this one, and the packet alone has to do.
  writeConfig(socket, group, (writer) => writer.u16(Config.flags, Flag.sequence | Flag.conntrack));
}

/** A number of 4 or 16 bytes as an address. */
function addressIn(buffer: Buffer, span: Span | undefined): Address | null {
  if (span === undefined) return null;
  const size = span.end - span.start;
  if (size !== 4 && size !== 16) return null;
  const value = BigInt(`0x${buffer.toString("hex", span.start, span.end)}`);
  return addressFromValue(size === 4 ? 4 : 6, value);
}

const u16Of = (buffer: Buffer, span: Span | undefined): number | null =>
  span === undefined || span.end - span.start < 2 ? null : buffer.readUInt16BE(span.start);

function tupleIn(buffer: Buffer, span: Span | undefined): ConnectionTuple | null {
  if (span === undefined) return null;
  const parts = attributesOf(buffer, span);
  const [addresses, protocol] = [parts.get(Tuple.addresses), parts.get(Tuple.protocol)];
  if (addresses === undefined || protocol === undefined) return null;
  const ends = attributesOf(buffer, addresses);
  const source = addressIn(buffer, ends.get(Ip.source4) ?? ends.get(Ip.source6));
  const destination = addressIn(buffer, ends.get(Ip.destination4) ?? ends.get(Ip.destination6));
  const upper = attributesOf(buffer, protocol);
  const number = upper.get(Proto.number);
  if (source === null || destination === null || number === undefined || number.end === number.start) return null;
  const from = u16Of(buffer, upper.get(Proto.sourcePort));
  const to = u16Of(buffer, upper.get(Proto.destinationPort));
  const ports = from === null || to === null ? null : { source: from, destination: to };
  return { source, destination, protocol: buffer[number.start] ?? 0, ports };
}

function connectionIn(buffer: Buffer, span: Span | undefined): LoggedPacket["connection"] {
  if (span === undefined) return null;
  const tuples = attributesOf(buffer, span);
  const original = tupleIn(buffer, tuples.get(Tuple.original));
  const reply = tupleIn(buffer, tuples.get(Tuple.reply));
  return original === null || reply === null ? null : { original, reply };
}

/** Calls back for each logged packet in what was received, with its number in the order of logging. */
export function eachLoggedPacket(
  buffer: Buffer,
  length: number,
  visit: (packet: LoggedPacket, sequence: number | null) => void,
): void {
  eachMessage(buffer, length, (type, _flags, start, end) => {
    if (type !== ULOG_PACKET || start + NFGEN_HEADER > end) return;
    const attributes = attributesOf(buffer, { start: start + NFGEN_HEADER, end });
    const payload = attributes.get(Attribute.payload);
    const packet = {
      prefix: textOf(buffer, attributes.get(Attribute.prefix)) ?? "",
      head: payload === undefined ? new Uint8Array() : buffer.subarray(payload.start, payload.end),
      connection: connectionIn(buffer, attributes.get(Attribute.conntrack)),
    };
    visit(packet, u32Of(buffer, attributes.get(Attribute.sequence)));
  });
}

/** More than this cannot have been lost between two packets: it is a number that started anew. */
const largestGap = 1 << 24;

/**
 * Hears what the rules of a network namespace (null: our own) with `log group` report. One listener a group: throws
 * SystemCallError (EBUSY: somebody else has it; EPERM; ENOENT where the kernel has no NFLOG). Gives what ends it.
 */
export function listenToPacketLog(netns: string | null, group: number, listener: PacketLogListener): () => void {
  const socket = openNetlink(netns, NETLINK_NETFILTER);
  try {
    ignoreOverruns(socket);
    configure(socket, group);
  } catch (error) {
    socket.close();
    throw error;
  }
  let expected: number | null = null;
  return listen(socket, {
    take: (buffer, length) =>
      eachLoggedPacket(buffer, length, (packet, sequence) => {
        const gap = sequence === null || expected === null ? 0 : (sequence - expected) >>> 0;
        if (gap > 0 && gap < largestGap) listener.lost(gap);
        if (sequence !== null) expected = (sequence + 1) >>> 0;
        listener.packet(packet);
      }),
    lost: (code) => (code === "ENOBUFS" ? undefined : listener.ended(code)),
  });
}
