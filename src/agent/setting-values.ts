import type { Cidr } from "../net/cidr.ts";
import { parseCidr } from "../net/cidr.ts";
import { printable } from "../observe/printable.ts";

/** A value read from text, or what is wrong with it (to follow the name of the setting). */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (text: string, reason: string): Read<never> => ({
  ok: false,
  reason: `"${printable(text, 100)}" ${reason}`,
});

const unitMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as `500ms`, `30s`, `1m30s`, in milliseconds. */
export function readDuration(text: string): Read<number> {
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|s|m|h))+$/.test(text))
    return bad(text, "is not a duration such as 500ms, 30s or 1m30s");
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return good(
    [...parts].reduce((sum, [, number, unit]) => sum + Number(number) * (unitMilliseconds[unit ?? ""] ?? 0), 0),
  );
}

/** How often the kernel is compared with what should be in it: 100 ms to a day. */
export function readSyncPeriod(text: string): Read<number> {
  const read = readDuration(text);
  if (!read.ok || (read.value >= 100 && read.value <= 86_400_000)) return read;
  return bad(text, "is out of range: 100ms to 24h");
}

/**
 * The bits of the connection mark that hold the generation: one run of at least eight bits. With fewer the
 * generation would wrap every few changes, and each wrap walks through all connections.
 */
export function readMarkMask(text: string): Read<number> {
  if (!/^0x[0-9a-f]{1,8}$/i.test(text)) return bad(text, "is not a 32-bit mask in hexadecimal such as 0xffff0000");
  const bits = Number(text).toString(2);
  const run = /^(1+)0*$/.exec(bits)?.[1];
  if (run === undefined) return bad(text, "is not one unbroken run of bits");
  return run.length >= 8 ? good(Number(text)) : bad(text, `has ${run.length} bits, at least 8 are needed`);
}

/** One of the words. */
export function readChoice<T extends string>(words: readonly T[], text: string): Read<T> {
  const found = words.find((word) => word === text);
  return found === undefined ? bad(text, `is none of: ${words.join(", ")}`) : good(found);
}

/** An address block in canonical notation. */
export function readCidr(text: string): Read<Cidr> {
  const cidr = parseCidr(text);
  return cidr === null ? bad(text, "is not an address block such as 10.244.1.0/24") : good(cidr);
}

/** A network namespace by its name (`ip netns`) or by a path to it, which holds a slash. */
export function readNetns(text: string): Read<string> {
  const isName = !text.includes("/") && text !== "." && text !== "..";
  if (text === "" || text.includes("\0")) return bad(text, "is not the name or path of a network namespace");
  return isName || text.startsWith("/") || text.startsWith("./")
    ? good(text)
    : bad(text, "is a path that is not absolute");
}

/** A name that Kubernetes would take for a node. */
export function readNodeName(text: string): Read<string> {
  const isName = text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
  return isName ? good(text) : bad(text, "is not the name of a node (lower case letters, digits, '-' and '.')");
}

/** `true` or `false`. */
export function readSwitch(text: string): Read<boolean> {
  return text === "true" || text === "false" ? good(text === "true") : bad(text, "is neither true nor false");
}

/** A group of the kernel's packet log, 1 to 65535; 0: none. */
export function readLogGroup(text: string): Read<{ readonly group: number | null }> {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) return bad(text, "is not a group of NFLOG: 0 (off) to 65535");
  return good({ group: Number(text) === 0 ? null : Number(text) });
}

/** The name of a namespace: a DNS label. */
export function readNamespaceName(text: string): Read<string> {
  const isName = text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
  return isName ? good(text) : bad(text, "is not the name of a namespace (lower case letters, digits and '-')");
}

/** An object of a namespace. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** `NAMESPACE/NAME`. */
export function readNamespacedName(text: string): Read<NamespacedName> {
  const [namespace = "", name = "", ...more] = text.split("/");
  const isGood = more.length === 0 && readNamespaceName(namespace).ok && readNodeName(name).ok;
  return isGood ? good({ namespace, name }) : bad(text, "is not NAMESPACE/NAME");
}

/** The path of a file, from the root. */
export function readAbsolutePath(text: string): Read<string> {
  const isPath = text.startsWith("/") && !text.endsWith("/") && !text.includes("\0");
  return isPath ? good(text) : bad(text, "is not the path of a file from / on");
}
