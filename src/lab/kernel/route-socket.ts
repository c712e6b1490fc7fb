import { call, errnoName } from "../../system/libc.ts";
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "./socket-numbers.ts";
import { inNamespace } from "../../system/namespace.ts";
import { u16, u32, type RouteMessage } from "./route-message.ts";

const NLM_F_REQUEST_ACK = 0x05;
const NLMSG_ERROR = 2;

/** The kernel refused a change to devices, addresses or routes. */
export class RouteError extends Error {
  readonly code: string;
  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.name = "RouteError";
    this.code = code;
  }
}

/** Changes devices, addresses and routes of one namespace. Each message costs tens of microseconds. */
export interface RouteSocket {
  send(message: RouteMessage): void;
  /** The index of a device by name; 0 where there is none. */
  indexOf(device: string): number;
  close(): void;
}

/** Opens the route socket of a namespace. The kernel answers while it takes the message, so nothing here blocks. */
export function routeSocket(namespace: string): RouteSocket {
  const fd = inNamespace(namespace, () => call("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  const answer = Buffer.alloc(8192);
  const indexes = new Map<string, number>();
  let sequence = 0;
  const send = (message: RouteMessage): void => {
    sequence += 1;
    const length = 16 + message.body.length;
    const header = Buffer.concat([
      u32(length),
      u16(message.type),
      u16(NLM_F_REQUEST_ACK | message.flags),
      u32(sequence),
      u32(0),
    ]);
    call("send", fd, Buffer.concat([header, message.body]), length, 0);
    call("recv", fd, answer, answer.length, 0);
    const view = new DataView(answer.buffer, answer.byteOffset);
    const type = view.getUint16(4, true);
    const error = view.getInt32(16, true);
    if (type !== NLMSG_ERROR) throw new RouteError(message.what, `unexpected answer of type ${type}`);
    if (error !== 0) throw new RouteError(`${namespace}: ${message.what}`, errnoName(-error));
  };
  const indexOf = (device: string): number => {
    const known = indexes.get(device);
    if (known !== undefined) return known;
    const index = inNamespace(namespace, () => call("interfaceIndex", device));
    if (index !== 0) indexes.set(device, index);
    return index;
  };
  return { send, indexOf, close: () => void call("close", fd) };
}
