import type { Address } from "../../net/address.ts";
import { attempt, call } from "../../system/libc.ts";
import {
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../kernel/socket-numbers.ts";
import { inNamespace } from "../../system/namespace.ts";
import type { Poller } from "./poller.ts";
import type { ProbeProtocol } from "./probe.ts";
import { answerPayload, withoutIpHeader } from "./raw.ts";
import { initAckPacket, readSctp } from "./sctp.ts";
import { socketAddress, socketFamily } from "./sockaddr.ts";

export const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const;
const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
const one = Buffer.from([1, 0, 0, 0]);

/** Answers on every probed port, in the namespace of whoever holds the address. */
export class Listeners {
  readonly #poller: Poller;
  readonly #open = new Map<string, number>();
  readonly #sctpPorts = new Map<Address, Set<number>>();
  readonly #buffer = Buffer.alloc(65536);

  constructor(poller: Poller) {
    this.#poller = poller;
  }

  /** Opens a listener; does nothing where there is one. The kernel itself answers ICMP echo. */
  open(namespace: string, address: Address, protocol: ProbeProtocol, port: number | null): void {
    if (protocol === "ICMP") return;
    if (protocol === "SCTP" && !hasSctpSockets()) {
      const ports = this.#sctpPorts.get(address) ?? new Set<number>();
      this.#sctpPorts.set(address, ports.add(port ?? 0));
      this.#once(`${address} sctp`, () => this.#listenRaw(namespace, address, protocolNumbers.SCTP));
      return;
    }
    this.#once(`${address} ${protocol} ${port}`, () => {
      if (typeof protocol === "number") return this.#listenRaw(namespace, address, protocol);
      if (protocol === "UDP") return this.#listenUdp(namespace, address, port ?? 0);
      return this.#listenStream(namespace, address, protocolNumbers[protocol], port ?? 0);
    });
  }

  get count(): number {
    return this.#open.size;
  }

  closeAll(): void {
    for (const fd of this.#open.values()) this.#poller.close(fd);
    this.#open.clear();
    this.#sctpPorts.clear();
  }

  #once(key: string, open: () => number): void {
    if (!this.#open.has(key)) this.#open.set(key, open());
  }

  #bound(namespace: string, address: Address, type: number, protocol: number, port: number): number {
    const fd = inNamespace(namespace, () => call("socket", socketFamily(address), type | flags, protocol));
    call("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, one, 4);
    const name = socketAddress(address, port);
    const bound = attempt("bind", fd, name, name.length);
    if (typeof bound === "string") {
      call("close", fd);
      throw new Error(`cannot listen on ${address} port ${port} in ${namespace}: ${bound}`);
    }
    return fd;
  }

  #listenStream(namespace: string, address: Address, protocol: number, port: number): number {
    const fd = this.#bound(namespace, address, SOCK_STREAM, protocol, port);
    call("listen", fd, 4096);
    this.#poller.add(fd, () => {
      for (;;) {
        const peer = attempt("accept", fd, null, null, flags);
        if (typeof peer === "string") return;
        attempt("send", peer, one, 1, 0x4000);
        call("close", peer);
      }
    });
    return fd;
  }

  #listenUdp(namespace: string, address: Address, port: number): number {
    const fd = this.#bound(namespace, address, SOCK_DGRAM, 0, port);
    this.#poller.add(fd, () => this.#answerAll(fd, (payload) => payload));
    return fd;
  }

  #listenRaw(namespace: string, address: Address, protocol: number): number {
    const fd = this.#bound(namespace, address, SOCK_RAW, protocol, 0);
    this.#poller.add(fd, () =>
      this.#answerAll(fd, (bytes) => {
        const payload = withoutIpHeader(address, bytes);
        if (protocol !== protocolNumbers.SCTP) return answerPayload(payload);
        const init = readSctp(payload);
        const listening = init?.kind === "init" && this.#sctpPorts.get(address)?.has(init.destinationPort);
        return init !== null && listening === true ? initAckPacket(init) : null;
      }),
    );
    return fd;
  }

  #answerAll(fd: number, answer: (bytes: Buffer) => Buffer | null): void {
    const from = Buffer.alloc(28);
    for (;;) {
      const size = Buffer.from([28, 0, 0, 0]);
      const length = attempt("recvfrom", fd, this.#buffer, this.#buffer.length, 0, from, size);
      if (typeof length === "string") return;
      const reply = answer(this.#buffer.subarray(0, length));
      // A raw socket takes no port in the address it sends to.
      if (reply !== null) attempt("sendto", fd, reply, reply.length, 0, from, size.readUInt32LE(0));
    }
  }
}

let sctpSockets: boolean | null = null;

/** Whether this kernel can open SCTP sockets; where not, the handshake's first packets are sent over raw ones. */
export function hasSctpSockets(): boolean {
  if (sctpSockets === null) {
    const fd = attempt("socket", 2, SOCK_STREAM | SOCK_CLOEXEC, protocolNumbers.SCTP);
    if (typeof fd === "number") call("close", fd);
    sctpSockets = typeof fd === "number";
  }
  return sctpSockets;
}
