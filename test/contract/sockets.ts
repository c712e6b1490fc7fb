import { setTimeout as pause } from "node:timers/promises";
import { socketAddress, socketFamily } from "../../src/lab/probe/sockaddr.ts";
import { type Address, addressBytes } from "../../src/net/address.ts";
import { attempt, call } from "../../src/system/libc.ts";
import { inNamespace } from "../../src/system/namespace.ts";

const flags = 0o2004000; // SOCK_CLOEXEC | SOCK_NONBLOCK
const one = Buffer.from([1, 0, 0, 0]);

/** How long a packet that is on its way may take; what is denied is waited for no longer. */
export const patience = 150;

/** Asks until there is an answer or the time is over: null. */
export async function until<T>(ask: () => T | null, milliseconds = patience): Promise<T | null> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = ask();
    if (answer !== null || performance.now() > deadline) return answer;
    await pause(1);
  }
}

/** A socket of one host. Sockets are made in its network namespace and stay there. */
class HostSocket {
  readonly fd: number;
  readonly #buffer = Buffer.alloc(4096);

  constructor(fd: number) {
    this.fd = fd;
  }

  /** A message, or null: nothing is there. An error that the kernel holds for the socket comes as its name. */
  protected take(): Buffer | string | null {
    const length = attempt("recv", this.fd, this.#buffer, this.#buffer.length, 0);
    if (typeof length === "string") return length === "EAGAIN" ? null : length;
    return Buffer.from(this.#buffer.subarray(0, length));
  }

  close(): void {
    attempt("close", this.fd);
  }
}

function open(host: string, address: Address, type: number, protocol: number): number {
  return inNamespace(host, () => call("socket", socketFamily(address), type | flags, protocol));
}

function bind(fd: number, address: Address, port: number): void {
  call("setsockopt", fd, 1, 2, one, 4); // SO_REUSEADDR
  const name = socketAddress(address, port);
  call("bind", fd, name, name.length);
}

/** A UDP socket: bound, and connected to nobody. */
export class Udp extends HostSocket {
  readonly #from: Buffer = Buffer.alloc(28);
  readonly #size = Buffer.alloc(4);

  static open(host: string, address: Address, port: number): Udp {
    const fd = open(host, address, 2, 17);
    bind(fd, address, port);
    return new Udp(fd);
  }

  send(to: Address, port: number, text: string): void {
    const name = socketAddress(to, port);
    attempt("sendto", this.fd, Buffer.from(text), Buffer.byteLength(text), 0, name, name.length);
  }

  /** The next message, or null; then the socket answers whoever sent it. */
  async receive(milliseconds = patience): Promise<string | null> {
    const buffer = Buffer.alloc(2048);
    return until(() => {
      this.#size.writeUInt32LE(28);
      const length = attempt("recvfrom", this.fd, buffer, buffer.length, 0, this.#from, this.#size);
      return typeof length === "string" ? null : buffer.toString("utf8", 0, length);
    }, milliseconds);
  }

  /** Answers whoever sent the last message. */
  answer(text: string): void {
    attempt("sendto", this.fd, Buffer.from(text), Buffer.byteLength(text), 0, this.#from, this.#size.readUInt32LE());
  }

  /** From now on it speaks with this end only, and the kernel tells ICMP errors. */
  connect(to: Address, port: number): void {
    const name = socketAddress(to, port);
    call("connect", this.fd, name, name.length);
  }

  /** The next ICMP error, by the name of its errno. */
  async error(): Promise<string | null> {
    return until(() => {
      const taken = this.take();
      return typeof taken === "string" ? taken : null;
    });
  }
}

/** A stream: an open connection, or an attempt at one. */
export class Stream extends HostSocket {
  send(text: string): string | null {
    const sent = attempt("send", this.fd, Buffer.from(text), Buffer.byteLength(text), 0x4000); // MSG_NOSIGNAL
    return typeof sent === "string" ? sent : null;
  }

  /** What arrived: text ("" where the other end is done), or the error that ended the stream; null: nothing. */
  async receive(milliseconds = patience): Promise<{ readonly text: string } | { readonly error: string } | null> {
    return until(() => {
      const taken = this.take();
      if (taken === null) return null;
      return typeof taken === "string" ? { error: taken } : { text: taken.toString() };
    }, milliseconds);
  }
}

export class Listener extends HostSocket {
  static open(host: string, address: Address, port: number): Listener {
    const fd = open(host, address, 1, 6);
    bind(fd, address, port);
    call("listen", fd, 16);
    return new Listener(fd);
  }

  async accept(milliseconds = patience): Promise<Stream | null> {
    const fd = await until(() => {
      const accepted = attempt("accept", this.fd, null, null, flags);
      return typeof accepted === "string" ? null : accepted;
    }, milliseconds);
    return fd === null ? null : new Stream(fd);
  }
}

/** Connects; null: nothing came back, or a reset. */
export async function connect(host: string, from: Address, to: Address, port: number): Promise<Stream | null> {
  const fd = open(host, to, 1, 6);
  bind(fd, from, 0);
  const name = socketAddress(to, port);
  attempt("connect", fd, name, name.length);
  const stream = new Stream(fd);
  const outcome = await until(() => {
    const again = attempt("connect", fd, name, name.length);
    return again === "EALREADY" || again === "EINPROGRESS" ? null : again;
  });
  if (outcome === 0 || outcome === "EISCONN") return stream;
  stream.close();
  return null;
}

/** Sees all packets of one protocol that a host gets, and sends any. */
export class Raw extends HostSocket {
  /** `protocol` is an IP protocol number. */
  static open(host: string, address: Address, protocol: number): Raw {
    const fd = open(host, address, 3, protocol);
    bind(fd, address, 0);
    return new Raw(fd);
  }

  send(to: Address, payload: Buffer): void {
    const name = socketAddress(to, 0);
    attempt("sendto", this.fd, payload, payload.length, 0, name, name.length);
  }

  /** Whether a packet that fits comes. IPv4 packets come with their header, IPv6 packets without. */
  async sees(fits: (packet: Buffer) => boolean, milliseconds = patience): Promise<boolean> {
    const found = await until(() => {
      const taken = this.take();
      return Buffer.isBuffer(taken) && fits(taken) ? true : null;
    }, milliseconds);
    return found === true;
  }
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A TCP segment without payload, for IPv4. */
export function tcpSegment(from: Address, to: Address, ports: readonly [number, number], tcpFlags: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(ports[0], 0);
  segment.writeUInt16BE(ports[1], 2);
  segment.writeUInt32BE(1000, 4);
  segment.writeUInt32BE(2000, 8);
  segment[12] = 5 << 4;
  segment[13] = tcpFlags;
  segment.writeUInt16BE(1024, 14);
  const words = [from, to].flatMap((address) => address.split(".").map(Number));
  const pseudo = Buffer.from([...words, 0, 6, 0, 20]);
  segment.writeUInt16BE(checksum(Buffer.concat([pseudo, segment])), 16);
  return segment;
}

/** A whole IPv6 packet with a UDP message, from whatever address; for a Raw of protocol 255. */
export function udpOverIpv6(from: Address, to: Address, ports: readonly [number, number], text: string): Buffer {
  const length = 8 + text.length;
  const packet = Buffer.alloc(40 + length + (length % 2));
  packet[0] = 0x60;
  packet.writeUInt16BE(length, 4);
  packet[6] = 17;
  packet[7] = 64;
  packet.set([...addressBytes(from), ...addressBytes(to)], 8);
  packet.writeUInt16BE(ports[0], 40);
  packet.writeUInt16BE(ports[1], 42);
  packet.writeUInt16BE(length, 44);
  packet.write(text, 48);
  const pseudo = Buffer.from([0, 0, 0, length, 0, 0, 0, 17]);
  packet.writeUInt16BE(checksum(Buffer.concat([packet.subarray(8), pseudo])), 46);
  return packet.subarray(0, 40 + length);
}

/** An ICMP error that says of a UDP datagram that nobody listens; it quotes the datagram's headers. */
export function portUnreachable(from: Address, to: Address, ports: readonly [number, number]): Buffer {
  const message = Buffer.alloc(8 + 28);
  message[0] = 3;
  message[1] = 3;
  const quoted = message.subarray(8);
  quoted[0] = 0x45;
  quoted.writeUInt16BE(28, 2);
  quoted[8] = 63;
  quoted[9] = 17;
  quoted.set([...from.split("."), ...to.split(".")].map(Number), 12);
  quoted.writeUInt16BE(checksum(quoted.subarray(0, 20)), 10);
  quoted.writeUInt16BE(ports[0], 20);
  quoted.writeUInt16BE(ports[1], 22);
  quoted.writeUInt16BE(8, 24);
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** An ICMP or ICMPv6 echo request (the kernel fills in ICMPv6's checksum). */
export function echoRequest(version: 4 | 6, sequence: number): Buffer {
  const message = Buffer.alloc(16);
  message[0] = version === 4 ? 8 : 128;
  message.writeUInt16BE(0x7063, 4);
  message.writeUInt16BE(sequence, 6);
  if (version === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}
