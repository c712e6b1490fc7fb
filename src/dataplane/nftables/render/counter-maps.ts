import { addressFromValue, type Family } from "../../../net/address.ts";
import type { AddressInterval } from "../../../net/address-set.ts";
import { contentHash } from "../names.ts";
import type { ElementData, KeyType, ProgramSet, Rule } from "../program.ts";
import type { KeyField, Statement } from "../statement.ts";
import type { CountedInterval } from "./blocks.ts";
import { addressType, type ChainContext, peerField, type RuleList } from "./clause-rules.ts";
import { condensed } from "./condensed-union.ts";
import type { PartId, UnionContent } from "./part.ts";

/** What a map is asked for. */
export interface LookupKey {
  readonly type: readonly KeyType[];
  readonly field: readonly KeyField[];
}

/** One lookup in a union; `accepted` is what is done with what it finds, a miss ends the rule. */
export function unionRule(
  context: ChainContext,
  match: readonly Statement[],
  content: UnionContent,
  key: LookupKey,
  comment: string,
): RuleList {
  const { family } = context;
  const needed = condensed(content);
  const { entries, blocks } = needed;
  const text = [
    ...entries.flatMap(({ counter, members }) => [counter ?? "", String(members.length), ...members]),
    ...blocks.flatMap((block) => [String(block.before), intervalKey(family, block), block.counter ?? ""]),
  ];
  const name = `union-${contentHash([String(family), key.type.join(" "), ...text])}`;
  const id: PartId = `set ${name}`;
  const counters = new Set([...entries, ...blocks].flatMap(({ counter }) => counter ?? []));
  const uses = [...counters].map((counter): PartId => `counter ${counter}`);
  const shape = { name, key: key.type, data: "counter", interval: false, size: null, comment } as const;
  const set: ProgramSet = { ...shape, elements: new Map() };
  context.parts.set(id, { id, uses, object: { kind: "union", set, ...needed, family } });
  return { rules: [counterMapRule(context, match, key.field, name, comment)], uses: [id] };
}

function counterMapRule(
  context: ChainContext,
  match: readonly Statement[],
  key: readonly KeyField[],
  map: string,
  comment: string,
): Rule {
  const verdict: Statement = { kind: "verdict", verdict: context.accepted };
  return { statements: [...match, { kind: "counter-map", key, map }, verdict], comment };
}

/** One lookup in an interval map; `accepted` is what is done with what it finds, a miss ends the rule. */
export function blocksRule(
  context: ChainContext,
  match: readonly Statement[],
  pieces: readonly CountedInterval[],
  comment: string,
): RuleList {
  const { family } = context;
  const elements = new Map(pieces.map((piece): [string, ElementData] => [intervalKey(family, piece), piece.counter]));
  const content = pieces.flatMap((piece) => [intervalKey(family, piece), piece.counter]);
  const name = `blocks-${contentHash([String(family), ...content])}`;
  const id: PartId = `set ${name}`;
  const uses = [...new Set(pieces.map(({ counter }): PartId => `counter ${counter}`))];
  const shape = { name, key: [addressType(family)], data: "counter", interval: true, size: null, comment } as const;
  context.parts.set(id, { id, uses, object: { kind: "set", set: { ...shape, elements } } });
  return { rules: [counterMapRule(context, match, [peerField(context)], name, comment)], uses: [id] };
}

/** `LOW-HIGH`, or the one address. */
export function intervalKey(family: Family, { low, high }: AddressInterval | CountedInterval): string {
  const first = addressFromValue(family, low);
  return low === high ? first : `${first}-${addressFromValue(family, high)}`;
}
