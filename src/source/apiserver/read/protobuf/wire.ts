import { MalformedAnswer } from "../../seen.ts";

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

function cut(): never {
  throw new MalformedAnswer("the protobuf message was cut short or is garbled");
}

/**
 * A place in a message in protobuf's wire format. Fields are visited in the order of the bytes; what is not asked for
 * is stepped over without being made.
 */
export class WireCursor {
  private readonly bytes: Buffer;
  private at: number;
  /** Where the message that is being read ends. */
  private end: number;
  /** The number of the field that `next` came to, and how it is written. */
  field = 0;
  private form = 0;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Comes to the next field; false at the end of the message. */
  next(): boolean {
    if (this.at >= this.end) {
      if (this.at > this.end) cut();
      return false;
    }
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.form = tag % 8;
    return true;
  }

  /** Steps over the field. */
  skip(): void {
    if (this.form === varint) this.varint();
    else if (this.form === delimited) this.at = this.reach();
    else if (this.form === fixed64) this.at += 8;
    else if (this.form === fixed32) this.at += 4;
    else cut();
    if (this.at > this.end) cut();
  }

  /** A string field. */
  text(): string {
    const from = this.begin();
    return from === this.at ? "" : this.bytes.toString("utf8", from, this.at);
  }

  boolean(): boolean {
    return this.integer() !== 0;
  }

  /** An int32 or int64 field; exact up to 2^53. */
  integer(): number {
    if (this.form !== varint) cut();
    return this.varint();
  }

  /** A bytes field; not copied. */
  raw(): Buffer {
    const from = this.begin();
    return this.bytes.subarray(from, this.at);
  }

  /** Goes into a message field; `leave` with what it gave goes on behind it. */
  enter(): number {
    if (this.form !== delimited) cut();
    const outer = this.end;
    this.end = this.reach();
    return outer;
  }

  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Steps over a field with a length; where its content begins. It ends where the cursor is then. */
  private begin(): number {
    if (this.form !== delimited) cut();
    const to = this.reach();
    const from = this.at;
    this.at = to;
    return from;
  }

  /** Reads a length; where the content behind it ends. */
  private reach(): number {
    const length = this.varint();
    const to = this.at + length;
    if (length < 0 || to > this.end) cut();
    return to;
  }

  private varint(): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) cut();
      const byte = bytes[this.at++] ?? 0;
      if (count === 9) return this.negative();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    return cut();
  }

  /** Ten bytes: a negative number, in two's complement of 64 bits. */
  private negative(): number {
    let value = 0n;
    for (let index = 0; index < 10; index++) {
      value |= BigInt((this.bytes[this.at - 10 + index] ?? 0) & 127) << BigInt(7 * index);
    }
    return Number(BigInt.asIntN(64, value));
  }
}
