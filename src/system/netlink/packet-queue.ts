import { SystemCallError, errnoName } from "../libc.ts";
import { NFGEN_HEADER, attributesOf, eachMessage, u32Of } from "./attributes.ts";
import { MessageWriter } from "./message.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, ignoreOverruns, openNetlink, setReceiveRoom } from "./socket.ts";

const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 1;
const NLM_F_REQUEST_ACK = 5;
const Message = { packet: 0x300, verdict: 0x301, config: 0x302 } as const;
const Config = { command: 1, parameters: 2, length: 3, mask: 4, flags: 5 } as const;
const Flag = { failOpen: 1, gso: 4 } as const;
const Attribute = { header: 1, verdict: 2, payload: 10, wholeLength: 13 } as const;
const bindCommand = 1;
const unbindCommand = 2;
const copyPacket = 2;

/** NF_DROP and NF_ACCEPT. */
export type Verdict = "drop" | "accept";
const verdictNumbers: Readonly<Record<Verdict, number>> = { drop: 0, accept: 1 };

/** A packet that waits in the kernel for a verdict. */
export interface QueuedPacket {
  readonly id: number;
  /** From its IP header on. Valid during the call only. */
  readonly bytes: Uint8Array;
  /** The packet is longer than what was copied of it. */
  readonly isCut: boolean;
}

export interface PacketQueueOptions {
  readonly queue: number;
  /** Bytes of each packet that are copied; 65,535: all of it. */
  readonly copyRange: number;
  /** So many packets wait for a verdict at most. */
  readonly length: number;
  /** Bytes that the socket holds of what was not read yet. */
  readonly socketBuffer: number;
  /** What comes when there is no room passes; else it is dropped. */
  readonly failOpen: boolean;
}

/**
 * Packets that rules hand to user space (NFQUEUE). One listener a queue. Nothing here waits: `receive` takes what is
 * there, and the descriptor can be waited for (epoll). Any thread may use it, one at a time.
 */
export interface PacketQueue {
  readonly fd: number;
  /** Reads one datagram of the socket, if there is one; false: there is none. Throws SystemCallError. */
  receive(visit: (packet: QueuedPacket) => void): boolean;
  /** Decides about a packet, at the next `flush`. */
  decide(id: number, verdict: Verdict): void;
  /** Tells the kernel what was decided, in one call. */
  flush(): void;
  /** Packets that came faster than they were read, so far: they passed or were dropped without us. */
  lost(): number;
  /**
   * Packets that come from now on pass without us (with `failOpen`; else they are dropped). Those that were there
   * before are given to `visit`, here or by `receive`.
   */
  passBy(visit: (packet: QueuedPacket) => void): void;
  /** Gives the queue up. What waits in it is dropped, so first `passBy`, receive and decide. */
  close(): void;
}

function configure(
  socket: NetlinkSocket,
  queue: number,
  write: (writer: MessageWriter) => void,
  visit: (packet: QueuedPacket) => void = () => {},
): string | null {
  const writer = new MessageWriter(128);
  writer.begin(Message.config, NLM_F_REQUEST_ACK, 1);
  writer.netfilterHeader(0, queue);
  write(writer);
  writer.end();
  socket.send(writer.buffer, writer.length);
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    const code = answerIn(socket.received, length);
    eachQueuedPacket(socket.received, length, visit);
    if (code !== null) return code === 0 ? null : errnoName(-code);
  }
  return "EIO";
}

/** Packets may come before it. */
function answerIn(received: Buffer, length: number): number | null {
  let code: number | null = null;
  eachMessage(received, length, (type, _flags, start, end) => {
    if (type === NLMSG_ERROR && start + 20 <= end) code = received.readInt32LE(start + 16);
  });
  return code;
}

const command = (number: number) => (writer: MessageWriter) => {
  const at = writer.attribute(Config.command, 4);
  writer.buffer.fill(0, at, at + 4);
  writer.buffer[at] = number;
};

function bind(socket: NetlinkSocket, options: PacketQueueOptions): void {
  const { queue } = options;
  const bound = configure(socket, queue, command(bindCommand));
  if (bound !== null) throw new SystemCallError("nfqueue bind", bound);
  // All at once: packets come as soon as there is a mode.
  const refused = configure(socket, queue, (writer) => {
    writer.u32(Config.length, options.length);
    const flags = Flag.gso | (options.failOpen ? Flag.failOpen : 0);
    writer.u32(Config.mask, flags);
    writer.u32(Config.flags, flags);
    const at = writer.attribute(Config.parameters, 5);
    writer.buffer.writeUInt32BE(options.copyRange, at);
    writer.buffer[at + 4] = copyPacket;
  });
  if (refused !== null) throw new SystemCallError("nfqueue configure", refused);
}

/** Calls back for each packet in what was received. */
export function eachQueuedPacket(buffer: Buffer, length: number, visit: (packet: QueuedPacket) => void): void {
  eachMessage(buffer, length, (type, _flags, start, end) => {
    if (type !== Message.packet || start + NFGEN_HEADER > end) return;
    const attributes = attributesOf(buffer, { start: start + NFGEN_HEADER, end });
    const id = u32Of(buffer, attributes.get(Attribute.header));
    if (id === null) return;
    const payload = attributes.get(Attribute.payload);
    const bytes = payload === undefined ? new Uint8Array() : buffer.subarray(payload.start, payload.end);
    const whole = u32Of(buffer, attributes.get(Attribute.wholeLength));
    visit({ id, bytes, isCut: whole !== null && whole > bytes.length });
  });
}

/** More than this cannot have been lost between two packets. */
const largestGap = 1 << 24;

/**
 * Takes a queue of a network namespace (null: our own). Throws SystemCallError (EPERM: no right, or somebody else has
 * this queue; ENOENT or EINVAL: the kernel has no nfnetlink_queue).
 */
export function openPacketQueue(netns: string | null, options: PacketQueueOptions): PacketQueue {
  const socket = openNetlink(netns, NETLINK_NETFILTER);
  try {
    ignoreOverruns(socket);
    setReceiveRoom(socket, options.socketBuffer);
    bind(socket, options);
  } catch (error) {
    socket.close();
    throw error;
  }
  return queueOn(socket, options.queue);
}

function queueOn(socket: NetlinkSocket, queue: number): PacketQueue {
  const writer = new MessageWriter(16 * 1024);
  let last: number | null = null;
  let lost = 0;
  const note = (id: number): void => {
    const gap = last === null ? 0 : (id - last - 1) >>> 0;
    if (gap > 0 && gap < largestGap) lost += gap;
    last = id;
  };
  const noting =
    (visit: (packet: QueuedPacket) => void) =>
    (packet: QueuedPacket): void => {
      note(packet.id);
      visit(packet);
    };
  return {
    fd: socket.fd,
    receive: (visit) => {
      const length = socket.receive();
      if (length === 0) return false;
      eachQueuedPacket(socket.received, length, noting(visit));
      return true;
    },
    passBy: (visit) => {
      configure(socket, queue, (config) => config.u32(Config.length, 0), noting(visit));
    },
    decide: (id, verdict) => {
      writer.begin(Message.verdict, NLM_F_REQUEST, 0);
      writer.netfilterHeader(0, queue);
      const at = writer.attribute(Attribute.verdict, 8);
      writer.buffer.writeUInt32BE(verdictNumbers[verdict], at);
      writer.buffer.writeUInt32BE(id, at + 4);
      writer.end();
    },
    flush: () => {
      if (writer.length > 0) socket.send(writer.buffer, writer.length);
      writer.reset();
    },
    lost: () => lost,
    close: () => {
      try {
        configure(socket, queue, command(unbindCommand));
      } finally {
        // This alone gives it up, too.
        socket.close();
      }
    },
  };
}
