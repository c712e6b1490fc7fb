import { attributesOf, type Span, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import { type Cursor, number, peek, text } from "./expression-cursor.ts";
import type { Read } from "./decode-statement.ts";
import { dynset, limit, log } from "./numbers.ts";

/** So often, and so many at once. */
interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Null: a limit that is none of ours. */
function rateOf(buffer: Buffer, attributes: ReadonlyMap<number, Span>): Rate | null {
  const wide = (attribute: number): bigint | null => {
    const span = attributes.get(attribute);
    return span === undefined ? null : buffer.readBigUInt64BE(span.start);
  };
  const perSecond = wide(limit.rate);
  const burst = u32Of(buffer, attributes.get(limit.burst));
  const isPlain =
    wide(limit.unit) === 1n &&
    u32Of(buffer, attributes.get(limit.type)) === limit.ofPackets &&
    (u32Of(buffer, attributes.get(limit.flags)) ?? 0) === 0;
  return perSecond === null || burst === null || !isPlain ? null : { perSecond: Number(perSecond), burst };
}

/** `limit rate` and `log`; null: neither. */
export function readLimitOrLog(cursor: Cursor): Read {
  const found = peek(cursor, 0, "limit");
  if (found !== null) {
    const rate = rateOf(cursor.buffer, found.attributes);
    return rate === null ? null : { statement: { kind: "limit", ...rate }, length: 1 };
  }
  const copy = peek(cursor, 0, "log");
  const group = copy?.attributes.get(log.group);
  if (copy === null || group === undefined) return null;
  const prefix = text(cursor, copy, log.prefix);
  const snaplen = number(cursor, copy, log.snaplen);
  const threshold = copy.attributes.get(log.threshold);
  if (prefix === null || snaplen === null) return null;
  if (threshold !== undefined && cursor.buffer.readUInt16BE(threshold.start) !== 0) return null;
  const statement = { kind: "log", prefix, group: cursor.buffer.readUInt16BE(group.start), snaplen } as const;
  return { statement, length: 1 };
}

/** The limit of each key of a set that packets fill; null: something else is done with the set. */
export function limitEachAt(cursor: Cursor, ahead: number): (Rate & { readonly set: string }) | null {
  const found = peek(cursor, ahead, "dynset");
  if (found === null || number(cursor, found, dynset.keyRegister) !== 1) return null;
  const set = text(cursor, found, dynset.setName);
  const inner = found.attributes.get(dynset.expression);
  const timeout = found.attributes.get(dynset.timeout);
  if (number(cursor, found, dynset.operation) !== dynset.update || set === null || inner === undefined) return null;
  if (timeout !== undefined && cursor.buffer.readBigUInt64BE(timeout.start) !== 0n) return null;
  const expression = attributesOf(cursor.buffer, inner);
  const data = expression.get(2);
  if (textOf(cursor.buffer, expression.get(1)) !== "limit" || data === undefined) return null;
  const rate = rateOf(cursor.buffer, attributesOf(cursor.buffer, data));
  return rate === null ? null : { ...rate, set };
}
