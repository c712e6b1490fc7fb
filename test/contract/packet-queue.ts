import { attributesOf, eachMessage } from "../../src/system/netlink/attributes.ts";
import { MessageWriter } from "../../src/system/netlink/message.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from "../../src/system/netlink/socket.ts";
import { patience, until } from "./sockets.ts";

const QUEUE_PACKET = 0x300;
const QUEUE_VERDICT = 0x301;
const QUEUE_CONFIG = 0x302;
const failOpen = 1;

export interface QueuedPacket {
  readonly id: number;
  /** Of netfilter: 1 input, 2 forward, 3 output. */
  readonly hook: number;
  /** From its IP header on. */
  readonly packet: Buffer;
}

/** A listener at a queue that lets nothing go on by itself: the plainest there is, for tests of what gets there. */
export class PacketQueue {
  readonly #socket: NetlinkSocket;
  readonly #queue: number;
  readonly #waiting: QueuedPacket[] = [];

  /** `most`: so many packets wait at a time; what is more goes on unseen. */
  static open(netns: string, queue: number, most = 1024): PacketQueue {
    return new PacketQueue(openNetlink(netns, NETLINK_NETFILTER), queue, most);
  }

  private constructor(socket: NetlinkSocket, queue: number, most: number) {
    this.#socket = socket;
    this.#queue = queue;
    this.#config((writer) => writer.bytes(1, Uint8Array.of(1, 0, 0, 0)));
    this.#config((writer) => writer.bytes(2, Uint8Array.of(0, 0, 0xff, 0xff, 2)));
    this.#config((writer) => {
      writer.u32(3, most);
      writer.u32(4, failOpen);
      writer.u32(5, failOpen);
    });
  }

  /** The next packet; null: none comes. It is held until `accept`. */
  async next(milliseconds = patience): Promise<QueuedPacket | null> {
    return until(() => {
      if (this.#waiting.length === 0) this.#read();
      return this.#waiting.shift() ?? null;
    }, milliseconds);
  }

  accept(packet: QueuedPacket): void {
    this.#send(QUEUE_VERDICT, 1, (writer) => {
      const verdict = Buffer.alloc(8);
      verdict.writeUInt32BE(1, 0);
      verdict.writeUInt32BE(packet.id, 4);
      writer.bytes(2, verdict);
    });
  }

  /** Lets everything go on that comes until nothing does, and gives it. */
  async acceptAll(milliseconds = patience): Promise<readonly QueuedPacket[]> {
    const all: QueuedPacket[] = [];
    for (let packet = await this.next(milliseconds); packet !== null; packet = await this.next(milliseconds)) {
      this.accept(packet);
      all.push(packet);
    }
    return all;
  }

  /** Nobody listens any more; what is held is dropped. */
  close(): void {
    this.#socket.close();
  }

  #config(write: (writer: MessageWriter) => void): void {
    this.#send(QUEUE_CONFIG, 5, write);
    for (let length = this.#socket.receive(); length > 0; length = this.#socket.receive()) {
      const { received } = this.#socket;
      eachMessage(received, length, (type, _flags, start) => {
        if (type === 2 && received.readInt32LE(start + 16) !== 0)
          throw new Error(`the queue cannot be had: errno ${-received.readInt32LE(start + 16)}`);
      });
    }
  }

  #send(type: number, flags: number, write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter(256);
    writer.begin(type, flags, 1);
    writer.netfilterHeader(0, this.#queue);
    write(writer);
    writer.end();
    this.#socket.send(writer.buffer, writer.length);
  }

  #read(): void {
    for (let length = this.#socket.receive(); length > 0; length = this.#socket.receive()) {
      const { received } = this.#socket;
      eachMessage(received, length, (type, _flags, start, end) => {
        if (type !== QUEUE_PACKET) return;
        const attributes = attributesOf(received, { start: start + 20, end });
        const [header, payload] = [attributes.get(1), attributes.get(10)];
        if (header === undefined || payload === undefined) return;
        this.#waiting.push({
          id: received.readUInt32BE(header.start),
          hook: received[header.start + 6] ?? 0,
          packet: Buffer.from(received.subarray(payload.start, payload.end)),
        });
      });
    }
  }
}
