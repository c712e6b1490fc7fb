import { addressBytes, familyOf, type Address } from "../../net/address.ts";
import { attempt, call } from "../../system/libc.ts";
import { AF_INET, AF_INET6, AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "../kernel/socket-numbers.ts";
import { inNamespace } from "../../system/namespace.ts";
import { u16, u32 } from "../kernel/route-message.ts";

const NETLINK_NETFILTER = 12;
const deleteConnection = (1 << 8) | 2;
const NLM_F_REQUEST_ACK = 0x05;
const NESTED = 0x8000;

function attribute(type: number, value: Buffer): Buffer {
  const padding = Buffer.alloc((4 - (value.length % 4)) % 4);
  return Buffer.concat([u16(4 + value.length), u16(type), value, padding]);
}

function deletion(source: Address, destination: Address, protocol: number): Buffer {
  const version4 = familyOf(source) === 4;
  const addresses = Buffer.concat([
    attribute(version4 ? 1 : 3, Buffer.from(addressBytes(source))),
    attribute(version4 ? 2 : 4, Buffer.from(addressBytes(destination))),
  ]);
  const tuple = Buffer.concat([
    attribute(1 | NESTED, addresses),
    attribute(2 | NESTED, attribute(1, Buffer.from([protocol]))),
  ]);
  const body = Buffer.concat([Buffer.from([version4 ? AF_INET : AF_INET6, 0, 0, 0]), attribute(1 | NESTED, tuple)]);
  const header = [u32(16 + body.length), u16(deleteConnection), u16(NLM_F_REQUEST_ACK), u32(1), u32(0)];
  return Buffer.concat([...header, body]);
}

/**
 * Makes a namespace's connection tracking forget the conversation of two addresses in a protocol without ports, whose
 * entry would else make a later probe the other way round a reply. Only the lab does this, only for such protocols.
 */
export function forgetConversation(namespace: string, source: Address, destination: Address, protocol: number): void {
  const fd = inNamespace(namespace, () => call("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  const message = deletion(source, destination, protocol);
  call("send", fd, message, message.length, 0);
  // The acknowledgement; that there was no entry is fine.
  attempt("recv", fd, Buffer.alloc(4096), 4096, 0);
  call("close", fd);
}
