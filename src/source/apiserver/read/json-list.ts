import { MalformedAnswer } from "../seen.ts";
import { longestPiece } from "./byte-line.ts";

const quote = 0x22;
const backslash = 0x5c;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;

/** What is outside of the items of a list is small: kind, apiVersion, metadata. */
const longestFrame = 1 << 20;

/**
 * Cuts a list, `{…,"items":[{…},…],…}`, into its items while it comes, so that neither its text nor all its objects
 * are ever held at once. Only looks for strings and brackets; whether an item is JSON, its parser says.
 */
export class JsonListCutter {
  private readonly item: (bytes: Buffer) => void;
  /** Of the item that has begun and not ended. */
  private pieces: Buffer[] = [];
  private pieceLength = 0;
  private frame: Buffer[] = [];
  private frameLength = 0;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private inItems = false;
  private ended = false;

  constructor(item: (bytes: Buffer) => void) {
    this.item = item;
  }

  feed(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    /** Where the piece begins that is not given away yet. */
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.inString) {
        at = this.skipString(bytes, at);
        continue;
      }
      const byte = bytes[at];
      at += 1;
      if (byte === quote) this.inString = true;
      else if (byte === open || byte === openList) {
        if (this.inItems && this.depth === 2) {
          this.toFrame(bytes.subarray(from, at - 1), true);
          from = at - 1;
        } else if (this.depth === 1 && byte === openList) {
          this.toFrame(bytes.subarray(from, at), false);
          from = at;
          this.inItems = this.afterItemsKey();
        }
        this.depth += 1;
      } else if (byte === close || byte === closeList) {
        this.depth -= 1;
        if (this.inItems && this.depth === 2) {
          this.pieces.push(bytes.subarray(from, at));
          from = at;
          this.giveItem();
        } else if (this.inItems && this.depth === 1) {
          this.toFrame(bytes.subarray(from, at - 1), true);
          from = at - 1;
          this.inItems = false;
        }
        if (this.depth === 0) this.ended = true;
      }
    }
    if (from === bytes.length) return;
    if (this.inItems && this.depth > 2) this.toPieces(bytes.subarray(from));
    else this.toFrame(bytes.subarray(from), this.inItems);
  }

  /** The list without its items. Throws where it was cut short. */
  end(): unknown {
    if (!this.ended || this.inString) throw new MalformedAnswer("the list was cut short");
    try {
      return JSON.parse(Buffer.concat(this.frame).toString("utf8"));
    } catch (error) {
      throw new MalformedAnswer("the list is not JSON", { cause: error });
    }
  }

  private skipString(bytes: Buffer, from: number): number {
    let at = from;
    if (this.escaped) {
      this.escaped = false;
      at += 1;
    }
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === quote) {
        this.inString = false;
        return at + 1;
      }
      if (byte !== backslash) continue;
      at += 1;
      if (at === bytes.length) this.escaped = true;
    }
    return bytes.length;
  }

  /** Between items there are commas and blanks only, which are `dropped`. */
  private toFrame(bytes: Buffer, dropped: boolean): void {
    if (dropped || bytes.length === 0) return;
    this.frameLength += bytes.length;
    if (this.frameLength > longestFrame) throw new MalformedAnswer("the list is no list of objects");
    this.frame.push(Buffer.from(bytes));
  }

  /** Whether the frame ends with `"items": [`. */
  private afterItemsKey(): boolean {
    const tail = Buffer.concat(this.frame.slice(-64)).toString("latin1").trimEnd();
    const key = tail.slice(0, -1).trimEnd();
    return key.endsWith(":") && key.slice(0, -1).trimEnd().endsWith('"items"');
  }

  private toPieces(bytes: Buffer): void {
    this.pieceLength += bytes.length;
    if (this.pieceLength > longestPiece) throw new MalformedAnswer("an object of the list has no end");
    this.pieces.push(Buffer.from(bytes));
  }

  private giveItem(): void {
    const [only] = this.pieces;
    const bytes = this.pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.pieces);
    this.pieces = [];
    this.pieceLength = 0;
    this.item(bytes);
  }
}
