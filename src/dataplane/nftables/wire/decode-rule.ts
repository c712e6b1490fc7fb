import { attributesOf, listOf, textOf, type Span } from "../../../system/netlink/attributes.ts";
import type { Rule } from "../program.ts";
import type { KeyField, Statement } from "../statement.ts";
import { limitEachAt } from "./decode-log.ts";
import { type Read, readStatement } from "./decode-statement.ts";
import { type Cursor, type Expression, equalAt, loadedAt, lookupAt, number, peek } from "./expression-cursor.ts";
import { Ct, Meta, NFPROTO_IPV4, NFPROTO_IPV6, Payload, protocolIcmpv6 } from "./numbers.ts";
import { fieldWords, registerAt } from "./registers.ts";

const EXPRESSIONS = 4;
const USERDATA = 7;

/** What the rule has asked for so far; see `encode-rule.ts`. */
interface Context {
  family: number | null;
  protocol: number | null;
}

const ctFields = new Map<string, KeyField>([
  [`${Ct.sourceIp}/0`, "client4"],
  [`${Ct.sourceIp6}/0`, "client6"],
  [`${Ct.sourceIp}/1`, "backend4"],
  [`${Ct.sourceIp6}/1`, "backend6"],
  [`${Ct.protoSource}/1`, "backend-port"],
]);

const payloadFields = new Map<string, KeyField>([
  [`${Payload.network}/12/4`, "source4"],
  [`${Payload.network}/8/16`, "source6"],
  [`${Payload.network}/16/4`, "destination4"],
  [`${Payload.network}/24/16`, "destination6"],
  [`${Payload.transport}/0/1`, "icmpv6-type"],
]);

function fieldAt(cursor: Cursor, ahead: number, register: number): KeyField | null {
  const ct = peek(cursor, ahead, "ct");
  if (ct !== null) {
    const direction = ct.attributes.get(3);
    if (direction === undefined || number(cursor, ct, 1) !== register) return null;
    return ctFields.get(`${number(cursor, ct, 2)}/${cursor.buffer[direction.start]}`) ?? null;
  }
  const payload = peek(cursor, ahead, "payload");
  if (payload === null || number(cursor, payload, 1) !== register) return null;
  const [base, offset, size] = [2, 3, 4].map((attribute) => number(cursor, payload, attribute));
  return payloadFields.get(`${base}/${offset}/${size}`) ?? null;
}

function fieldsAt(cursor: Cursor, ahead: number): readonly KeyField[] {
  const fields: KeyField[] = [];
  for (let word = 0; ;) {
    const field = fieldAt(cursor, ahead + fields.length, registerAt(word));
    if (field === null) return fields;
    fields.push(field);
    word += fieldWords[field];
  }
}

function familyOf(field: KeyField): number | null {
  if (field === "source4" || field === "destination4") return NFPROTO_IPV4;
  return field === "source6" || field === "destination6" || field === "icmpv6-type" ? NFPROTO_IPV6 : null;
}

/** The value that `meta KEY` must have at this place; null: no such test. */
function metaTestAt(cursor: Cursor, ahead: number, key: number): number | null {
  return loadedAt(cursor, ahead, "meta") === key ? equalAt(cursor, ahead + 1, 1) : null;
}

/** A key that is looked up, with the tests of family and protocol that nft puts before it. */
function readKeyed(cursor: Cursor, context: Context): Read {
  let ahead = 0;
  const family = metaTestAt(cursor, ahead, Meta.nfproto);
  if (family !== null) ahead += 2;
  const protocol = metaTestAt(cursor, ahead, Meta.l4proto);
  if (protocol !== null) ahead += 2;
  const key = fieldsAt(cursor, ahead);
  const each = limitEachAt(cursor, ahead + key.length);
  const found = lookupAt(cursor, ahead + key.length);
  if (key.length === 0 || (found === null && each === null)) return null;
  const needs = key.map(familyOf).find((need) => need !== null) ?? null;
  const needsProtocol = key.includes("icmpv6-type") ? protocolIcmpv6 : null;
  // A test that the key does not need is a statement of its own; one that it needs and lacks makes it foreign.
  if (family !== null && family !== needs) return null;
  if (protocol !== null && protocol !== needsProtocol) return null;
  if (needs !== null && (family ?? context.family) !== needs) return null;
  if (needsProtocol !== null && (protocol ?? context.protocol) !== needsProtocol) return null;
  context.family = needs ?? context.family;
  context.protocol = needsProtocol ?? context.protocol;
  const length = ahead + key.length + 1;
  if (each !== null) return { statement: { kind: "limit-each", key, ...each }, length };
  if (found === null) return null;
  const { kind, name } = found;
  if (kind === "set") return { statement: { kind: "lookup", key, set: name }, length };
  return { statement: { kind, key, map: name }, length };
}

function foreign(expressions: readonly Expression[]): Statement {
  return {
    kind: "foreign",
    expressions: expressions
      .map(({ name }) => name)
      .join(" ")
      .slice(0, 200),
  };
}

function learn(context: Context, statement: Statement): void {
  if (statement.kind === "nfproto") context.family = statement.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  if (statement.kind === "l4proto") context.protocol = statement.protocol;
}

function readStatements(cursor: Cursor): readonly Statement[] {
  const statements: Statement[] = [];
  const context: Context = { family: null, protocol: null };
  while (cursor.at < cursor.expressions.length) {
    const read = readKeyed(cursor, context) ?? readStatement(cursor);
    if (read === null) return [...statements, foreign(cursor.expressions.slice(cursor.at))];
    learn(context, read.statement);
    statements.push(read.statement);
    cursor.at += read.length;
  }
  return statements;
}

/** A type-length-value of nft's that holds text and its NUL. */
export function commentOf(buffer: Buffer, span: Span | undefined, type: number): string | null {
  if (span === undefined) return null;
  for (let at = span.start; at + 2 <= span.end;) {
    const size = buffer[at + 1] ?? 0;
    if (buffer[at] === type) return textOf(buffer, { start: at + 2, end: Math.min(at + 2 + size, span.end) });
    at += 2 + size;
  }
  return null;
}

/** A rule from the attributes of its message: the statements that it was written from, if it is one of ours. */
export function readRule(buffer: Buffer, attributes: ReadonlyMap<number, Span>): Rule {
  const list = attributes.get(EXPRESSIONS);
  const expressions = (list === undefined ? [] : listOf(buffer, list)).map((span): Expression => {
    const inner = attributesOf(buffer, span);
    const data = inner.get(2);
    return {
      name: textOf(buffer, inner.get(1)) ?? "?",
      attributes: data === undefined ? new Map<number, Span>() : attributesOf(buffer, data),
    };
  });
  return {
    statements: readStatements({ buffer, expressions, at: 0 }),
    comment: commentOf(buffer, attributes.get(USERDATA), 0),
  };
}
