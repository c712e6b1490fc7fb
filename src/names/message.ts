import { type Address, addressFromValue } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";

/** What is wrong with a message, as it is counted. */
export type MessageFault =
  /** Cut off, lengths that lead out of it, compression that leads ahead or in a circle. */
  | "malformed"
  /** Bytes behind the last record. */
  | "trailing"
  /** Not exactly one question of class IN. */
  | "questions"
  /** The name asked for holds bytes that no pattern can mean. */
  | "name";

export interface Question {
  readonly name: DomainName;
  readonly type: number;
}

/** One record of the answer section that has to do with addresses. */
export type AnswerRecord =
  | { readonly kind: "address"; readonly owner: DomainName; readonly ttl: number; readonly address: Address }
  | { readonly kind: "alias"; readonly owner: DomainName; readonly ttl: number; readonly target: DomainName };

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** The TC bit: it did not fit, the client asks again by TCP. */
  readonly isTruncated: boolean;
  /** RCODE; 0: no error. */
  readonly code: number;
  readonly question: Question;
  /** Of the type that was asked for, and aliases; in the order of the message. Empty in queries. */
  readonly records: readonly AnswerRecord[];
}

export type MessageReading =
  | { readonly ok: true; readonly message: DnsMessage }
  | { readonly ok: false; readonly fault: MessageFault };

export const typeA = 1;
export const typeAAAA = 28;
const typeCNAME = 5;
const classIN = 1;
const headerLength = 12;
/** RFC 1035, 2.3.4: with its length bytes, the last zero included. */
const longestName = 255;
/** A name is put together from so many pieces at most; each must stand before the one that points to it. */
const mostPieces = 32;

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const wordAt = (bytes: Uint8Array, at: number): number => byteAt(bytes, at) * 256 + byteAt(bytes, at + 1);

/** Where a name ends; -1: it leads out of the message. */
function skipName(bytes: Uint8Array, start: number): number {
  for (let at = start; at < bytes.length;) {
    const length = byteAt(bytes, at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= bytes.length ? at + 2 : -1;
    if (length > 63) return -1;
    at += 1 + length;
  }
  return -1;
}

/** A name as text; `end`: where it ends in the message. Text null: it holds bytes that no pattern can mean. */
interface NameReading {
  readonly text: string | null;
  readonly end: number;
}

/**
 * Lower case, without the last dot. A byte that is a dot itself, a blank or no ASCII makes the whole name unreadable
 * as text: else two different names would read alike.
 */
function readName(bytes: Uint8Array, start: number): NameReading | null {
  const end = skipName(bytes, start);
  if (end < 0) return null;
  let text = "";
  let readable = true;
  let at = start;
  let before = start;
  for (let pieces = 0, length = 1; ;) {
    const size = byteAt(bytes, at);
    if (size === 0) return at < bytes.length ? { text: readable ? text : null, end } : null;
    if (size >= 0xc0) {
      const target = wordAt(bytes, at) & 0x3fff;
      pieces += 1;
      if (at + 2 > bytes.length || target >= before || target < headerLength || pieces > mostPieces) return null;
      at = before = target;
      continue;
    }
    length += 1 + size;
    if (size > 63 || at + 1 + size > bytes.length || length > longestName) return null;
    if (text !== "") text += ".";
    for (let index = at + 1; index <= at + size; index += 1) {
      const byte = byteAt(bytes, index);
      if (byte <= 0x20 || byte >= 0x7f || byte === 0x2e) readable = false;
      text += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
    }
    at += 1 + size;
  }
}

function addressAt(bytes: Uint8Array, at: number, type: number): Address {
  if (type === typeA) {
    const dotted = `${byteAt(bytes, at)}.${byteAt(bytes, at + 1)}.${byteAt(bytes, at + 2)}.${byteAt(bytes, at + 3)}`;
    return dotted as Address;
  }
  let value = 0n;
  for (let index = 0; index < 16; index += 4) {
    value = (value << 32n) | BigInt(wordAt(bytes, at + index) * 65_536 + wordAt(bytes, at + index + 2));
  }
  return addressFromValue(6, value);
}

/** RFC 2181, 8: a time to live with the highest bit set is none. */
function ttlAt(bytes: Uint8Array, at: number): number {
  const ttl = wordAt(bytes, at) * 65_536 + wordAt(bytes, at + 2);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/** One resource record: where its parts are. */
interface RecordSpan {
  readonly start: number;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: number;
  readonly end: number;
}

function recordAt(bytes: Uint8Array, start: number): RecordSpan | null {
  const at = skipName(bytes, start);
  if (at < 0 || at + 10 > bytes.length) return null;
  const data = at + 10;
  const end = data + wordAt(bytes, at + 8);
  if (end > bytes.length) return null;
  return { start, type: wordAt(bytes, at), class: wordAt(bytes, at + 2), ttl: ttlAt(bytes, at + 4), data, end };
}

/** Null: malformed. "other": nothing that has to do with addresses of this type. */
function answerOf(bytes: Uint8Array, span: RecordSpan, question: Question): AnswerRecord | "other" | null {
  const { type, ttl } = span;
  if (span.class !== classIN || (type !== typeCNAME && type !== question.type)) return "other";
  if (type !== typeCNAME && type !== typeA && type !== typeAAAA) return "other";
  // Nearly every record's owner is the name that was asked for, which stands behind the header.
  const isAsked = wordAt(bytes, span.start) === 0xc000 + headerLength;
  const owner = isAsked ? { text: question.name as string } : readName(bytes, span.start);
  if (owner === null) return null;
  if (type === typeCNAME) {
    const target = readName(bytes, span.data);
    if (target === null || target.end !== span.end) return null;
    if (owner.text === null || target.text === null) return "other";
    return { kind: "alias", owner: owner.text as DomainName, ttl, target: target.text as DomainName };
  }
  if (span.end - span.data !== (type === typeA ? 4 : 16)) return null;
  if (owner.text === null) return "other";
  return { kind: "address", owner: owner.text as DomainName, ttl, address: addressAt(bytes, span.data, type) };
}

const fault = (what: MessageFault): MessageReading => ({ ok: false, fault: what });

/**
 * Reads what has to do with addresses in a DNS message, and looks whether the rest of it is well-formed. Strict: what
 * is wrong anywhere makes the whole message unreadable. Never throws. Costs its length; allocates for A, AAAA and
 * CNAME records of the answer section only.
 */
export function readMessage(bytes: Uint8Array): MessageReading {
  if (bytes.length < headerLength) return fault("malformed");
  const flags = wordAt(bytes, 2);
  const [questions, answers] = [wordAt(bytes, 4), wordAt(bytes, 6)];
  if (questions !== 1 || (flags & 0x7800) !== 0) return fault("questions");
  const name = readName(bytes, headerLength);
  if (name === null || name.end + 4 > bytes.length) return fault("malformed");
  if (wordAt(bytes, name.end + 2) !== classIN) return fault("questions");
  if (name.text === null) return fault("name");
  const question: Question = { name: name.text as DomainName, type: wordAt(bytes, name.end) };
  const isResponse = (flags & 0x8000) !== 0;
  const records: AnswerRecord[] = [];
  const all = answers + wordAt(bytes, 8) + wordAt(bytes, 10);
  let at = name.end + 4;
  for (let index = 0; index < all; index += 1) {
    const span = recordAt(bytes, at);
    if (span === null) return fault("malformed");
    const answer = isResponse && index < answers ? answerOf(bytes, span, question) : "other";
    if (answer === null) return fault("malformed");
    if (answer !== "other") records.push(answer);
    at = span.end;
  }
  if (at !== bytes.length) return fault("trailing");
  const isTruncated = (flags & 0x0200) !== 0;
  return { ok: true, message: { id: wordAt(bytes, 0), isResponse, isTruncated, code: flags & 15, question, records } };
}
