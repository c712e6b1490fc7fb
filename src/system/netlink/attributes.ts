/** Where the payload of an attribute lies in its buffer. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export const NLMSG_HEADER = 16;
export const NFGEN_HEADER = 20;

/** Calls back for each attribute between two offsets; stops at a malformed one. Nest and byte-order bits are cut off. */
export function eachAttribute(
  buffer: Buffer,
  start: number,
  end: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  let at = start;
  while (at + 4 <= end) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > end) return;
    visit(buffer.readUInt16LE(at + 2) & 0x3fff, at + 4, at + length);
    at += (length + 3) & ~3;
  }
}

/** The attributes by type. */
export function attributesOf(buffer: Buffer, { start, end }: Span): ReadonlyMap<number, Span> {
  const found = new Map<number, Span>();
  eachAttribute(buffer, start, end, (type, from, to) => found.set(type, { start: from, end: to }));
  return found;
}

/** The payloads in order, for lists. */
export function listOf(buffer: Buffer, { start, end }: Span): readonly Span[] {
  const found: Span[] = [];
  eachAttribute(buffer, start, end, (_type, from, to) => void found.push({ start: from, end: to }));
  return found;
}

export function textOf(buffer: Buffer, span: Span | undefined): string | null {
  if (span === undefined) return null;
  const end = span.end > span.start && buffer[span.end - 1] === 0 ? span.end - 1 : span.end;
  return buffer.toString("utf8", span.start, end);
}

/** A number of netfilter's, network order. */
export function u32Of(buffer: Buffer, span: Span | undefined): number | null {
  return span === undefined || span.end - span.start < 4 ? null : buffer.readUInt32BE(span.start);
}

/** Calls back for each message in what was received, with the offsets of the message. */
export function eachMessage(
  buffer: Buffer,
  length: number,
  visit: (type: number, flags: number, start: number, end: number) => void,
): void {
  let at = 0;
  while (at + NLMSG_HEADER <= length) {
    const size = buffer.readUInt32LE(at);
    if (size < NLMSG_HEADER || at + size > length) return;
    visit(buffer.readUInt16LE(at + 4), buffer.readUInt16LE(at + 6), at, at + size);
    at += (size + 3) & ~3;
  }
}
