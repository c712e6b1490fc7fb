import { type Span, attributesOf, textOf, u32Of } from "../../../system/netlink/attributes.ts";
import { Compare } from "./numbers.ts";

/** One expression of a rule, with its attributes. */
export interface Expression {
  readonly name: string;
  readonly attributes: ReadonlyMap<number, Span>;
}

/** Expressions from one place on; reading moves on only where it knew them all. */
export interface Cursor {
  readonly buffer: Buffer;
  readonly expressions: readonly Expression[];
  at: number;
}

export function peek(cursor: Cursor, ahead: number, name: string): Expression | null {
  const found = cursor.expressions[cursor.at + ahead];
  return found?.name === name ? found : null;
}

export const number = (cursor: Cursor, expression: Expression, attribute: number): number | null =>
  u32Of(cursor.buffer, expression.attributes.get(attribute));

export const text = (cursor: Cursor, expression: Expression, attribute: number): string | null =>
  textOf(cursor.buffer, expression.attributes.get(attribute));

/** The bytes of a value nested in an attribute, as a number in the given order; null: not of this size. */
function dataOf(cursor: Cursor, expression: Expression, attribute: number, size: number, host: boolean): number | null {
  const outer = expression.attributes.get(attribute);
  if (outer === undefined) return null;
  const value = attributesOf(cursor.buffer, outer).get(1);
  if (value === undefined || value.end - value.start !== size) return null;
  return host ? cursor.buffer.readUIntLE(value.start, size) : cursor.buffer.readUIntBE(value.start, size);
}

export interface Masked {
  readonly mask: number;
  readonly xor: number;
}

export function maskAt(cursor: Cursor, ahead: number, size: number): Masked | null {
  const found = peek(cursor, ahead, "bitwise");
  if (found === null || number(cursor, found, 1) !== 1 || number(cursor, found, 2) !== 1) return null;
  if ((number(cursor, found, 6) ?? 0) !== 0) return null;
  const mask = dataOf(cursor, found, 4, size, true);
  const xor = dataOf(cursor, found, 5, size, true);
  return mask === null || xor === null ? null : { mask, xor };
}

export interface Comparison {
  readonly operator: number;
  readonly value: number;
}

export function compareAt(cursor: Cursor, ahead: number, size: number, host: boolean): Comparison | null {
  const found = peek(cursor, ahead, "cmp");
  if (found === null || number(cursor, found, 1) !== 1) return null;
  const operator = number(cursor, found, 2);
  const value = dataOf(cursor, found, 3, size, host);
  return operator === null || value === null ? null : { operator, value };
}

export function equalAt(cursor: Cursor, ahead: number, size: number): number | null {
  const comparison = compareAt(cursor, ahead, size, true);
  return comparison?.operator === Compare.equal ? comparison.value : null;
}

/** Key of `ct` or `meta` that is loaded into register 1, if that is what stands there. */
export function loadedAt(cursor: Cursor, ahead: number, name: "ct" | "meta"): number | null {
  const found = peek(cursor, ahead, name);
  return found === null || number(cursor, found, 1) !== 1 ? null : number(cursor, found, 2);
}

/** A set that a rule asks. */
export interface Lookup {
  readonly kind: "set" | "verdict-map" | "counter-map";
  readonly name: string;
}

export function lookupAt(cursor: Cursor, ahead: number): Lookup | null {
  const lookup = peek(cursor, ahead, "lookup");
  if (lookup !== null) {
    const name = text(cursor, lookup, 1);
    if (name === null || number(cursor, lookup, 2) !== 1 || (number(cursor, lookup, 5) ?? 0) !== 0) return null;
    const target = number(cursor, lookup, 3);
    if (target === null) return { kind: "set", name };
    return target === 0 ? { kind: "verdict-map", name } : null;
  }
  const reference = peek(cursor, ahead, "objref");
  const name = reference === null ? null : text(cursor, reference, 4);
  if (reference === null || name === null || number(cursor, reference, 3) !== 1) return null;
  return { kind: "counter-map", name };
}
