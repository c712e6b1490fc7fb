import { addressBytes, familyBits, familyOf, type Address } from "../../net/address.ts";
import { AF_INET, AF_INET6 } from "./socket-numbers.ts";

/**
 * Messages of rtnetlink (linux/rtnetlink.h, linux/if_link.h). Numbers are in the machine's own byte order, which is
 * little-endian on both machines that the package runs on (x64, arm64).
 */
export interface RouteMessage {
  /** For errors. */
  readonly what: string;
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_DELNEIGH = 29;
const NLM_F_CREATE_EXCL = 0x600;
const NLM_F_CREATE_REPLACE = 0x500;

const IFLA = { address: 1, name: 3, master: 10, linkInfo: 18, namespaceFd: 28 } as const;
const LINKINFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const IFLA_BRPORT_MODE = 4;
const IFLA_BR = { multicastSnooping: 23, callIptables: 36, callIp6tables: 37 } as const;
const IFF_UP = 1;
// Duplicate address detection would cost a second.
const IFA_F_NODAD = 0x02;
const IFA_F_NOPREFIXROUTE = 0x200;

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

const u8 = (value: number): Buffer => Buffer.from([value]);
const text = (value: string): Buffer => Buffer.from(`${value}\0`, "latin1");

function attribute(type: number, value: Buffer): Buffer {
  const padding = Buffer.alloc((4 - (value.length % 4)) % 4);
  return Buffer.concat([u16(4 + value.length), u16(type), value, padding]);
}

function linkHeader(index: number, flags: number): Buffer {
  return Buffer.concat([u8(0), u8(0), u16(0), u32(index), u32(flags), u32(flags)]);
}

function linkInfo(kind: string, data: readonly Buffer[]): Buffer {
  return attribute(
    IFLA.linkInfo,
    Buffer.concat([attribute(LINKINFO.kind, text(kind)), attribute(LINKINFO.data, Buffer.concat(data))]),
  );
}

/** A pair of connected devices, the second in the namespace of the descriptor. Both are down at first. */
export function addPair(name: string, peer: string, peerNamespace: number): RouteMessage {
  const peerInfo = Buffer.concat([
    linkHeader(0, 0),
    attribute(IFLA.name, text(peer)),
    attribute(IFLA.namespaceFd, u32(peerNamespace)),
  ]);
  return {
    what: `add ${name} with peer ${peer}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE_EXCL,
    body: Buffer.concat([
      linkHeader(0, 0),
      attribute(IFLA.name, text(name)),
      linkInfo("veth", [attribute(1, peerInfo)]),
    ]),
  };
}

/**
 * A bridge whose frames pass the inet hooks. Snooping is off: it delays the multicasts of neighbour discovery. The
 * bridge has an address of its own from the start: else it takes the lowest of its ports', anew with each new one.
 */
export function addBridge(name: string, hardwareAddress: Buffer): RouteMessage {
  return {
    what: `add bridge ${name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE_EXCL,
    body: Buffer.concat([
      linkHeader(0, IFF_UP),
      attribute(IFLA.name, text(name)),
      attribute(IFLA.address, hardwareAddress),
      linkInfo("bridge", [
        attribute(IFLA_BR.multicastSnooping, u8(0)),
        attribute(IFLA_BR.callIptables, u8(1)),
        attribute(IFLA_BR.callIp6tables, u8(1)),
      ]),
    ]),
  };
}

export function setUp(index: number): RouteMessage {
  return { what: `set device ${index} up`, type: RTM_NEWLINK, flags: 0, body: linkHeader(index, IFF_UP) };
}

export function setMaster(index: number, master: number): RouteMessage {
  const body = Buffer.concat([linkHeader(index, 0), attribute(IFLA.master, u32(master))]);
  return { what: `put device ${index} under ${master}`, type: RTM_NEWLINK, flags: 0, body };
}

/**
 * Lets a bridge send a frame back to the port that it came from: a pod that reaches itself through its Service is
 * translated by br_netfilter and bridged, not routed.
 */
export function setHairpin(index: number): RouteMessage {
  const data = attribute(LINKINFO.slaveData, attribute(IFLA_BRPORT_MODE, u8(1)));
  const info = attribute(IFLA.linkInfo, Buffer.concat([attribute(LINKINFO.slaveKind, text("bridge")), data]));
  return {
    what: `let device ${index} hairpin`,
    type: RTM_NEWLINK,
    flags: 0,
    body: Buffer.concat([linkHeader(index, 0), info]),
  };
}

export function deleteLink(index: number): RouteMessage {
  return { what: `delete device ${index}`, type: RTM_DELLINK, flags: 0, body: linkHeader(index, 0) };
}

const familyNumber = (address: Address): number => (familyOf(address) === 4 ? AF_INET : AF_INET6);

/** Link-local addresses bring the route to their link; all others only the routes that are asked for. */
export function changeAddress(verb: "add" | "delete", index: number, address: Address): RouteMessage {
  const linkLocal = address.startsWith("fe80:");
  const bits = linkLocal ? 64 : familyBits(familyOf(address));
  const bytes = Buffer.from(addressBytes(address));
  return {
    what: `${verb} address ${address}`,
    type: verb === "add" ? RTM_NEWADDR : RTM_DELADDR,
    flags: verb === "add" ? NLM_F_CREATE_REPLACE : 0,
    body: Buffer.concat([
      Buffer.from([familyNumber(address), bits, 0, linkLocal ? 253 : 0]),
      u32(index),
      attribute(2, bytes),
      attribute(1, bytes),
      attribute(8, u32(linkLocal ? IFA_F_NODAD : IFA_F_NODAD | IFA_F_NOPREFIXROUTE)),
    ]),
  };
}

/** Forgets which hardware address an address was seen at. */
export function forgetNeighbour(index: number, address: Address): RouteMessage {
  return {
    what: `forget neighbour ${address}`,
    type: RTM_DELNEIGH,
    flags: 0,
    body: Buffer.concat([
      Buffer.from([familyNumber(address), 0, 0, 0]),
      u32(index),
      u32(0),
      attribute(1, Buffer.from(addressBytes(address))),
    ]),
  };
}

/** Asks how this host sends to an address. The answer is a message of type `routeAnswer`. */
export function askRoute(address: Address): RouteMessage {
  const header = Buffer.from([familyNumber(address), familyBits(familyOf(address)), 0, 0, 0, 0, 0, 0]);
  return {
    what: `ask for the route to ${address}`,
    type: RTM_GETROUTE,
    flags: 0,
    body: Buffer.concat([header, u32(0), attribute(1, Buffer.from(addressBytes(address)))]),
  };
}

export const routeAnswer = RTM_NEWROUTE;
/** `rtm_type` of an answer, from its start, and what it is where the address is the host's own. */
export const routeTypeOffset = 16 + 7;
export const localRoute = 2;

export interface RouteSpec {
  /** The first address of the block. */
  readonly destination: Address;
  /** Prefix length; 0 is the default route. */
  readonly bits: number;
  readonly gateway: Address | null;
  /** The address that packets of this host take when they leave by this route. */
  readonly source: Address | null;
}

export function changeRoute(verb: "add" | "delete", index: number, route: RouteSpec): RouteMessage {
  const attributes = [attribute(4, u32(index))];
  if (route.bits > 0) attributes.push(attribute(1, Buffer.from(addressBytes(route.destination))));
  if (route.gateway !== null) attributes.push(attribute(5, Buffer.from(addressBytes(route.gateway))));
  if (route.source !== null) attributes.push(attribute(7, Buffer.from(addressBytes(route.source))));
  const [mainTable, staticRoute, unicast, onlink] = [254, 4, 1, 4];
  const scope = route.gateway === null && familyOf(route.destination) === 4 ? 253 : 0;
  return {
    what: `${verb} route ${route.destination}/${route.bits}`,
    type: verb === "add" ? RTM_NEWROUTE : RTM_DELROUTE,
    flags: verb === "add" ? NLM_F_CREATE_REPLACE : 0,
    body: Buffer.concat([
      Buffer.from([familyNumber(route.destination), route.bits, 0, 0, mainTable, staticRoute, scope, unicast]),
      u32(route.gateway === null ? 0 : onlink),
      ...attributes,
    ]),
  };
}
