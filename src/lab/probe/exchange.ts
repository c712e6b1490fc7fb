import { familyOf } from "../../net/address.ts";
import { attempt, call } from "../../system/libc.ts";
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM } from "../kernel/socket-numbers.ts";
import { inNamespace } from "../../system/namespace.ts";
import { hasSctpSockets, protocolNumbers } from "./listeners.ts";
import type { Probe } from "./probe.ts";
import { isAnswer, questionPayload, withoutIpHeader } from "./raw.ts";
import { initPacket, readSctp } from "./sctp.ts";
import { socketAddress, socketFamily } from "./sockaddr.ts";

/** What came: an answer, an error's name, or nothing yet. */
export type Reception = "answered" | "nothing" | { readonly error: string };

/** A probe under way. */
export interface Exchange {
  readonly fd: number;
  /** Sends the packet, again where the protocol does not do so itself. */
  send(): Reception;
  receive(): Reception;
}

const buffer = Buffer.alloc(65536);
let nonce = Math.floor(Math.random() * 0x3fffffff) + 1;

function socketOf(probe: Probe, namespace: string, type: number, protocol: number): number {
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = inNamespace(namespace, () => call("socket", socketFamily(probe.source), type | flags, protocol));
  const name = socketAddress(probe.source, 0);
  const bound = attempt("bind", fd, name, name.length);
  if (typeof bound === "string") {
    call("close", fd);
    throw new Error(`cannot send from ${probe.source} in ${namespace}: ${bound}`);
  }
  return fd;
}

function receivePayload(fd: number, accept: (payload: Buffer) => boolean): Reception {
  for (;;) {
    const length = attempt("recv", fd, buffer, buffer.length, 0);
    if (typeof length === "string") return length === "EAGAIN" ? "nothing" : { error: length };
    if (accept(buffer.subarray(0, length))) return "answered";
  }
}

function stream(probe: Probe, namespace: string, protocol: number): Exchange {
  const fd = socketOf(probe, namespace, SOCK_STREAM, protocol);
  const target = socketAddress(probe.destination, probe.port ?? 0);
  let started = false;
  return {
    fd,
    send() {
      if (started) return "nothing";
      started = true;
      const result = attempt("connect", fd, target, target.length);
      return typeof result === "string" && result !== "EINPROGRESS" ? { error: result } : "nothing";
    },
    receive() {
      const length = attempt("recv", fd, buffer, 16, 0);
      if (length === "EAGAIN") return "nothing";
      if (typeof length === "string") return { error: length };
      return length > 0 ? "answered" : { error: "closed" };
    },
  };
}

/** A protocol of single packets over a connected socket: what is sent, and which packet answers it. */
function packets(fd: number, probe: Probe, port: number, packet: Buffer, accept: (bytes: Buffer) => boolean): Exchange {
  const target = socketAddress(probe.destination, port);
  let connected = false;
  return {
    fd,
    send() {
      if (!connected) {
        connected = true;
        const result = attempt("connect", fd, target, target.length);
        if (typeof result === "string") return { error: result };
      }
      const sent = attempt("send", fd, packet, packet.length, 0);
      return typeof sent === "string" && sent !== "EAGAIN" ? { error: sent } : "nothing";
    },
    receive: () => receivePayload(fd, accept),
  };
}

function echo(probe: Probe, namespace: string): Exchange {
  const version4 = familyOf(probe.source) === 4;
  const fd = socketOf(probe, namespace, SOCK_DGRAM, version4 ? 1 : 58);
  const request = Buffer.concat([Buffer.from([version4 ? 8 : 128, 0, 0, 0, 0, 0, 0, 1]), Buffer.from("portcullis")]);
  return packets(fd, probe, 0, request, (bytes) => bytes[0] === (version4 ? 0 : 129));
}

function sctp(probe: Probe, namespace: string): Exchange {
  const fd = socketOf(probe, namespace, SOCK_RAW, protocolNumbers.SCTP);
  const port = probe.port ?? 0;
  const source = 32768 + (nonce % 28000);
  return packets(fd, probe, 0, initPacket(source, port, nonce), (bytes) => {
    const reply = readSctp(withoutIpHeader(probe.source, bytes));
    return reply?.kind === "init-ack" && reply.destinationPort === source && reply.sourcePort === port;
  });
}

/** Opens the socket for a probe in the source's namespace; throws where the source cannot have one. */
export function startExchange(probe: Probe, namespace: string): Exchange {
  nonce += 1;
  const mine = nonce;
  const { protocol } = probe;
  if (protocol === "TCP") return stream(probe, namespace, protocolNumbers.TCP);
  if (protocol === "ICMP") return echo(probe, namespace);
  if (protocol === "SCTP") {
    return hasSctpSockets() ? stream(probe, namespace, protocolNumbers.SCTP) : sctp(probe, namespace);
  }
  const payload = questionPayload(mine);
  if (protocol === "UDP") {
    const fd = socketOf(probe, namespace, SOCK_DGRAM, 0);
    return packets(fd, probe, probe.port ?? 0, payload, (bytes) => bytes.equals(payload));
  }
  const fd = socketOf(probe, namespace, SOCK_RAW, protocol);
  return packets(fd, probe, 0, payload, (bytes) => isAnswer(withoutIpHeader(probe.source, bytes), mine));
}
