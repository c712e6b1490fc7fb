import { type Address, parseAddress } from "../net/address.ts";
import { printable } from "../observe/printable.ts";
import { readDuration, type Read } from "./setting-values.ts";

const bad = (text: string, reason: string): Read<never> => ({
  ok: false,
  reason: `"${printable(text, 100)}" ${reason}`,
});

/** An IP address. */
export function readAddress(text: string): Read<Address> {
  const value = parseAddress(text);
  return value === null ? bad(text, "is not an IP address") : { ok: true, value };
}

/** The number of a queue of NFQUEUE; 0: none. (The kernel has a queue 0; whoever wants one has 65,535 others.) */
export function readQueueNumber(text: string): Read<{ readonly queue: number | null }> {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) return bad(text, "is not a queue of NFQUEUE: 0 (off) to 65535");
  return { ok: true, value: { queue: Number(text) === 0 ? null : Number(text) } };
}

const longestSeconds = 86_400;

/** Whole seconds of a duration, up to a day. */
export function readTtl(text: string): Read<number> {
  const read = readDuration(text);
  if (!read.ok) return read;
  const seconds = read.value / 1000;
  if (!Number.isInteger(seconds)) return bad(text, "is not a number of whole seconds");
  return seconds <= longestSeconds ? { ok: true, value: seconds } : bad(text, "is longer than 24h");
}
