import { attributesOf, eachAttribute, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import type { ElementData, ElementKey, KeyType, ProgramSet } from "../program.ts";
import type { Verdict } from "../statement.ts";
import { decrement, keySize, readField, readKey } from "./element-key.ts";
import { elementIntervalEnd, keyTypes, verdictCodes } from "./numbers.ts";

const ELEMENTS = 3;

const plainVerdicts = new Map<number, Verdict>([
  [verdictCodes.accept, { kind: "accept" }],
  [verdictCodes.drop, { kind: "drop" }],
  [verdictCodes.return, { kind: "return" }],
]);

/** Reads NFTA_DATA_VERDICT; null: none of ours (queue, continue, …). */
export function readVerdict(buffer: Buffer, start: number, end: number): Verdict | null {
  const verdict = attributesOf(buffer, { start, end }).get(2);
  if (verdict === undefined) return null;
  const inner = attributesOf(buffer, verdict);
  const code = (u32Of(buffer, inner.get(1)) ?? 0) | 0;
  const plain = plainVerdicts.get(code);
  if (plain !== undefined) return plain;
  const chain = textOf(buffer, inner.get(2));
  if (chain === null) return null;
  if (code === verdictCodes.jump) return { kind: "jump", chain };
  return code === verdictCodes.goto ? { kind: "goto", chain } : null;
}

/** Collects the elements of one set, message by message. */
export interface ElementReader {
  take(buffer: Buffer, start: number, end: number): void;
  /** All of them by key; call once. */
  finish(): ReadonlyMap<ElementKey, ElementData>;
}

interface Raw {
  flags: number;
  /** Offset of the key; -1: none. */
  key: number;
  data: ElementData;
}

function readElement(buffer: Buffer, start: number, end: number, raw: Raw): void {
  raw.flags = 0;
  raw.key = -1;
  raw.data = null;
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type === 1) raw.key = from + 4;
    else if (type === 3) raw.flags = buffer.readUInt32BE(from);
    else if (type === 2) raw.data = readVerdict(buffer, from, to);
    else if (type === 9) raw.data = textOf(buffer, { start: from, end: to });
  });
}

function eachElement(buffer: Buffer, start: number, end: number, visit: (raw: Raw) => void): void {
  const raw: Raw = { flags: 0, key: -1, data: null };
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type !== ELEMENTS) return;
    eachAttribute(buffer, from, to, (_type, first, last) => {
      readElement(buffer, first, last, raw);
      if (raw.key >= 0) visit(raw);
    });
  });
}

function pointReader(key: readonly KeyType[]): ElementReader {
  const elements = new Map<ElementKey, ElementData>();
  return {
    take: (buffer, start, end) =>
      eachElement(buffer, start, end, (raw) => elements.set(readKey(key, buffer, raw.key), raw.data)),
    finish: () => elements,
  };
}

interface Bound {
  readonly value: Buffer;
  readonly ends: boolean;
  readonly data: ElementData;
}

/** An end comes before a start at the same value: two intervals that touch. */
const byValue = (a: Bound, b: Bound): number => a.value.compare(b.value) || Number(b.ends) - Number(a.ends);

function intervalText(type: KeyType, low: Buffer, after: Buffer | null, size: number): ElementKey {
  const high = after === null ? Buffer.alloc(size, 0xff) : Buffer.from(after);
  if (after !== null) decrement(high, 0, size);
  const from = readField(type, low, 0);
  return low.equals(high) ? from : `${from}-${readField(type, high, 0)}`;
}

/** The kernel gives starts and ends on their own, in no order to rely on. */
function intervalReader(type: KeyType): ElementReader {
  const { size } = keyTypes[type];
  const bounds: Bound[] = [];
  return {
    take: (buffer, start, end) =>
      eachElement(buffer, start, end, (raw) => {
        const value = Buffer.from(buffer.subarray(raw.key, raw.key + size));
        bounds.push({ value, ends: (raw.flags & elementIntervalEnd) !== 0, data: raw.data });
      }),
    finish: () => {
      bounds.sort(byValue);
      const elements = new Map<ElementKey, ElementData>();
      bounds.forEach((bound, index) => {
        if (bound.ends) return;
        elements.set(intervalText(type, bound.value, bounds[index + 1]?.value ?? null, size), bound.data);
      });
      return elements;
    },
  };
}

const EXPIRATION = 5;

/** Calls back for each element with its key and the milliseconds that it will last. */
export function eachTimeLeft(
  set: Pick<ProgramSet, "key">,
  buffer: Buffer,
  start: number,
  end: number,
  visit: (key: ElementKey, milliseconds: number) => void,
): void {
  eachAttribute(buffer, start, end, (type, from, to) => {
    if (type !== ELEMENTS) return;
    eachAttribute(buffer, from, to, (_type, first, last) => {
      let [key, left] = [-1, -1];
      eachAttribute(buffer, first, last, (attribute, at) => {
        if (attribute === 1) key = at + 4;
        else if (attribute === EXPIRATION) left = Number(buffer.readBigUInt64BE(at));
      });
      if (key >= 0 && left >= 0) visit(readKey(set.key, buffer, key), left);
    });
  });
}

export function elementReader(set: Pick<ProgramSet, "key" | "interval">): ElementReader {
  const [type] = set.key;
  if (type === undefined || keySize(set.key) === 0) return { take: () => {}, finish: () => new Map() };
  return set.interval && set.key.length === 1 ? intervalReader(type) : pointReader(set.key);
}
