import { type Span, attributesOf, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import type { KeyType, ProgramChain, ProgramCounter, ProgramSet } from "../program.ts";
import { commentOf } from "./decode-rule.ts";
import { SetFlag, dataVerdict, hooks, keyTypes, objectCounter, verdictCodes } from "./numbers.ts";

/** Packets and bytes of a named counter. */
export interface CounterValue {
  readonly packets: bigint;
  readonly bytes: bigint;
}

const typeByNumber = new Map(
  (Object.keys(keyTypes) as KeyType[]).map((type) => [keyTypes[type].number as number, type] as const),
);

/** The fields of a key by nft's number for its type, six bits each; empty: a type that we never use. */
function keyOf(packed: number): readonly KeyType[] {
  const key: KeyType[] = [];
  for (let rest = packed; rest > 0; rest >>>= 6) {
    const type = typeByNumber.get(rest & 0x3f);
    if (type === undefined) return [];
    key.unshift(type);
  }
  return key;
}

type SetShape = Omit<ProgramSet, "elements">;

/** Part of somebody's rule: it goes with that rule, and cannot be deleted by itself. */
export function isAnonymousSet(buffer: Buffer, attributes: ReadonlyMap<number, Span>): boolean {
  return ((u32Of(buffer, attributes.get(3)) ?? 0) & SetFlag.anonymous) !== 0;
}

function lifetimeOf(buffer: Buffer, span: Span | undefined): number {
  return span === undefined ? 0 : Number(buffer.readBigUInt64BE(span.start)) / 1000;
}

/** A set without its elements. What we would never make (timeouts, other data) has an empty key. */
export function readSet(buffer: Buffer, attributes: ReadonlyMap<number, Span>): SetShape {
  const flags = u32Of(buffer, attributes.get(3)) ?? 0;
  const isMap = (flags & SetFlag.map) !== 0;
  const isCounter = (flags & SetFlag.object) !== 0;
  const filled = SetFlag.timeout | SetFlag.dynamic;
  const isFilled = (flags & filled) === filled;
  const isLearned = flags === SetFlag.timeout && attributes.get(11) === undefined;
  const timed = isFilled ? filled : isLearned ? SetFlag.timeout : 0;
  const ours = SetFlag.interval | SetFlag.map | SetFlag.object | timed;
  const known = (flags & ~ours) === 0;
  const wrongMap = isMap && u32Of(buffer, attributes.get(6)) !== dataVerdict;
  const wrongObject = isCounter && u32Of(buffer, attributes.get(15)) !== objectCounter;
  const description = attributes.get(9);
  return {
    name: textOf(buffer, attributes.get(2)) ?? "",
    key: known && !wrongMap && !wrongObject ? keyOf(u32Of(buffer, attributes.get(4)) ?? 0) : [],
    data: isMap ? "verdict" : isCounter ? "counter" : "none",
    interval: (flags & SetFlag.interval) !== 0,
    size: description === undefined ? null : u32Of(buffer, attributesOf(buffer, description).get(1)),
    ...(isFilled ? { lifetime: lifetimeOf(buffer, attributes.get(11)) } : {}),
    ...(isLearned ? { learned: true } : {}),
    comment: commentOf(buffer, attributes.get(13), 7),
  };
}

/** A chain without its rules, and what about it is not ours: another hook, type or policy. */
export function readChain(
  buffer: Buffer,
  attributes: ReadonlyMap<number, Span>,
): { readonly chain: Omit<ProgramChain, "rules">; readonly foreign: string | null } {
  const name = textOf(buffer, attributes.get(3)) ?? "";
  const span = attributes.get(4);
  if (span === undefined) return { chain: { name, hook: null }, foreign: null };
  const inner = attributesOf(buffer, span);
  const number = u32Of(buffer, inner.get(1));
  const priority = (u32Of(buffer, inner.get(2)) ?? 0) | 0;
  const policy = u32Of(buffer, attributes.get(5));
  const type = textOf(buffer, attributes.get(7));
  const hook = (Object.keys(hooks) as (keyof typeof hooks)[]).find((candidate) => hooks[candidate] === number) ?? null;
  const ours = hook !== null && policy === verdictCodes.accept && type === "filter";
  return {
    chain: { name, hook, ...(priority === 0 ? {} : { priority }) },
    foreign: ours ? null : `type ${type} hook ${number} priority ${priority} policy ${policy}`,
  };
}

/** A counter and its value; null: some other object (a limit, a quota). */
export function readCounter(
  buffer: Buffer,
  attributes: ReadonlyMap<number, Span>,
): { readonly counter: ProgramCounter; readonly value: CounterValue } | null {
  const data = attributes.get(4);
  if (u32Of(buffer, attributes.get(3)) !== objectCounter || data === undefined) return null;
  const inner = attributesOf(buffer, data);
  const value = (type: number): bigint => {
    const span = inner.get(type);
    return span === undefined ? 0n : buffer.readBigUInt64BE(span.start);
  };
  return {
    counter: { name: textOf(buffer, attributes.get(2)) ?? "", comment: commentOf(buffer, attributes.get(8), 0) },
    value: { bytes: value(1), packets: value(2) },
  };
}
