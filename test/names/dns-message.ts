/** DNS messages as bytes, written by hand: the tests' own, so that what reads them is not what wrote them. */
import { word } from "../built-packet.ts";

export const types = { A: 1, NS: 2, CNAME: 5, TXT: 16, AAAA: 28, OPT: 41 } as const;

export interface WrittenRecord {
  readonly owner: readonly number[];
  readonly type: number;
  readonly ttl: number;
  readonly data: readonly number[];
  readonly class?: number;
}

export interface Written {
  readonly id: number;
  readonly flags: number;
  readonly questions: readonly { readonly name: readonly number[]; readonly type: number; readonly class?: number }[];
  readonly answers?: readonly WrittenRecord[];
  readonly authorities?: readonly WrittenRecord[];
  readonly additionals?: readonly WrittenRecord[];
}

export const flags = { query: 0x0100, answer: 0x8180, truncated: 0x8380, noSuchName: 0x8183 } as const;

/** A name, uncompressed. */
export function nameBytes(name: string): readonly number[] {
  const labels = name === "" ? [] : name.split(".");
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0];
}

/** Points to what stands at an offset of the message; the name of the question stands at 12. */
export const pointer = (offset: number): readonly number[] => word(0xc000 | offset);
export const asked = pointer(12);

const long = (value: number): readonly number[] => [...word(Math.floor(value / 65_536)), ...word(value % 65_536)];

export const recordBytes = ({ owner, type, ttl, data, class: of = 1 }: WrittenRecord): readonly number[] => [
  ...owner,
  ...word(type),
  ...word(of),
  ...long(ttl),
  ...word(data.length),
  ...data,
];

export function messageBytes(message: Written): Uint8Array<ArrayBuffer> {
  const { id, flags: bits, questions, answers = [], authorities = [], additionals = [] } = message;
  const counts = [questions, answers, authorities, additionals].flatMap((list) => word(list.length));
  const asking = questions.flatMap(({ name, type, class: of = 1 }) => [...name, ...word(type), ...word(of)]);
  const records = [...answers, ...authorities, ...additionals].flatMap(recordBytes);
  return Uint8Array.from([...word(id), ...word(bits), ...counts, ...asking, ...records]);
}

export function queryBytes(id: number, name: string, type: number): Uint8Array<ArrayBuffer> {
  return messageBytes({ id, flags: flags.query, questions: [{ name: nameBytes(name), type }] });
}
