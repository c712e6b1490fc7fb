import type { Family } from "../net/address.ts";
import type { Protocol } from "../net/protocol.ts";

/** One question of `eval`: who, to whom, over what. ENDs are still text (end.ts). */
export interface Query {
  readonly from: string;
  readonly to: string;
  readonly protocol: Protocol;
  /** 0 for a protocol without ports. */
  readonly port: number;
  /** Null: IPv4 if both ends have it, else IPv6. */
  readonly family: Family | null;
}

/** Why something cannot be answered, in words for the asker. Safe to print. */
export interface Unanswerable {
  readonly error: string;
}

const longestShown = 100;

/** Text of the asker, quoted and shortened. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}…` : text);
}

/** IP protocol numbers that have a name here; all others are `other`. 58 is ICMPv6. */
const protocolByNumber: ReadonlyMap<number, Protocol> = new Map([
  [1, "ICMP"],
  [6, "TCP"],
  [17, "UDP"],
  [58, "ICMP"],
  [132, "SCTP"],
]);

const protocolByName: ReadonlyMap<string, Protocol> = new Map([
  ["TCP", "TCP"],
  ["UDP", "UDP"],
  ["SCTP", "SCTP"],
  ["ICMP", "ICMP"],
]);

/** A protocol by name or by number (a number, or its digits); null where it is none. */
export function readProtocol(value: unknown): Protocol | null {
  if (typeof value === "string") {
    const named = protocolByName.get(value) ?? protocolByName.get(value.toUpperCase());
    if (named !== undefined) return named;
    if (!/^[0-9]{1,3}$/.test(value)) return null;
  }
  const number = typeof value === "number" || typeof value === "string" ? Number(value) : -1;
  if (!Number.isInteger(number) || number < 0 || number > 255) return null;
  return protocolByNumber.get(number) ?? "other";
}

/** The port of a query: needed for protocols with ports, of no meaning for the others. */
function readPort(value: unknown, protocol: Protocol): number | Unanswerable {
  const hasPorts = protocol !== "ICMP" && protocol !== "other";
  if (value === undefined || value === null) return hasPorts ? { error: `port: missing; ${protocol} needs one` } : 0;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 65535) {
    return { error: `port: ${shown(value)} is no port: a whole number from 0 to 65535` };
  }
  return hasPorts ? value : 0;
}

function shown(value: unknown): string {
  return typeof value === "string" ? quoted(value) : (JSON.stringify(value)?.slice(0, longestShown) ?? "nothing");
}

/** Reads a query that was parsed from JSON. Fields that it does not know are left alone. */
export function readQuery(value: object): Query | Unanswerable {
  const { from, to, protocol, port, family, network } = value as { readonly [name: string]: unknown };
  if (typeof from !== "string")
    return { error: `from: ${shown(from)} is no END: a pod, a workload, a node, an address` };
  if (typeof to !== "string") return { error: `to: ${shown(to)} is no END: a pod, a workload, a Service, an address` };
  const read = readProtocol(protocol);
  if (read === null) return { error: `protocol: ${shown(protocol)} is not TCP, UDP, SCTP, ICMP or a number up to 255` };
  const number = readPort(port, read);
  if (typeof number === "object") return number;
  if (family !== undefined && family !== null && family !== 4 && family !== 6) {
    return { error: `family: ${shown(family)} is neither 4 nor 6` };
  }
  if (network !== undefined && network !== null) {
    return { error: "network: questions about secondary networks are not supported yet" };
  }
  return { from, to, protocol: read, port: number, family: family ?? null };
}
