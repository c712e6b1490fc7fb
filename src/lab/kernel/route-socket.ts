import type { Address } from "../../net/address.ts";
import { call, errnoName } from "../../system/libc.ts";
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "./socket-numbers.ts";
import { inNamespace } from "../../system/namespace.ts";
import { askRoute, localRoute, routeAnswer, routeTypeOffset, u16, u32, type RouteMessage } from "./route-message.ts";

const NLM_F_REQUEST = 0x01;
const NLM_F_ACK = 0x04;
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
  /** Whether packets to the address end at this host. */
  isOwn(address: Address): boolean;
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
  const exchange = (message: RouteMessage, flags: number): number => {
    sequence += 1;
    const length = 16 + message.body.length;
    const header = [u32(length), u16(message.type), u16(flags | message.flags), u32(sequence), u32(0)];
    call("send", fd, Buffer.concat([...header, message.body]), length, 0);
    call("recv", fd, answer, answer.length, 0);
    return answer.readUInt16LE(4);
  };
  const send = (message: RouteMessage): void => {
    const type = exchange(message, NLM_F_REQUEST | NLM_F_ACK);
    if (type !== NLMSG_ERROR) throw new RouteError(message.what, `unexpected answer of type ${type}`);
    const error = answer.readInt32LE(16);
    if (error !== 0) throw new RouteError(`${namespace}: ${message.what}`, errnoName(-error));
  };
  const isOwn = (address: Address): boolean =>
    exchange(askRoute(address), NLM_F_REQUEST) === routeAnswer && answer[routeTypeOffset] === localRoute;
  const indexOf = (device: string): number => {
    const known = indexes.get(device);
    if (known !== undefined) return known;
    const index = inNamespace(namespace, () => call("interfaceIndex", device));
    if (index !== 0) indexes.set(device, index);
    return index;
  };
  return { send, isOwn, indexOf, close: () => void call("close", fd) };
}
