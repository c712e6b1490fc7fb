import type { ListMeta, Seen, WatchEvent } from "../../seen.ts";
import { MalformedAnswer } from "../../seen.ts";
import { ByteLine } from "../byte-line.ts";
import { jsonReader } from "../json.ts";
import type { Decode } from "../json-object.ts";
import type { ListReading, Reader, WatchReading } from "../reader.ts";
import { checkMagic, magicLength, openEnvelope, readListMeta, readStatus } from "./envelope.ts";
import { readBookmark } from "./metadata.ts";
import { WireCursor } from "./wire.ts";

/** Reads one object; null where it has no name. */
export type ReadObject = (cursor: WireCursor) => Seen | null;

const contentType = "application/vnd.kubernetes.protobuf";
const initialEventsEnd = "k8s.io/initial-events-end";
const rawField = (2 << 3) | 2;
const metaField = (1 << 3) | 2;
const itemField = (2 << 3) | 2;

/** A tag and a length at the front of bytes; null where they are not whole yet. */
function readHead(bytes: Buffer): { readonly tag: number; readonly length: number; readonly size: number } | null {
  const tag = bytes[0];
  if (tag === undefined) return null;
  if (tag >= 128 || (tag & 7) !== 2) throw new MalformedAnswer("a list of an unknown form");
  let length = 0;
  for (let index = 1; index <= 8; index++) {
    const byte = bytes[index];
    if (byte === undefined) return null;
    length += (byte & 127) * 128 ** (index - 1);
    if (byte < 128) return { tag, length, size: index + 1 };
  }
  throw new MalformedAnswer("a length that has no end");
}

/** Reads a list in its envelope as it comes: at no time are more than a few of its objects held. */
class ListStream implements ListReading {
  private readonly read: ReadObject;
  private readonly item: (seen: Seen) => void;
  private readonly line = new ByteLine();
  private begun = false;
  /** Bytes of the list that are still to come; null: outside of it. */
  private left: number | null = null;
  private found = false;
  private meta: ListMeta | null = null;

  constructor(read: ReadObject, item: (seen: Seen) => void) {
    this.read = read;
    this.item = item;
  }

  feed(chunk: Uint8Array): void {
    const bytes = this.line.join(chunk);
    let at = 0;
    if (!this.begun) {
      if (bytes.length < magicLength) return;
      checkMagic(bytes);
      this.begun = true;
      at = magicLength;
    }
    for (let next = this.step(bytes, at); next > at; next = this.step(bytes, at)) at = next;
    this.line.take(at);
  }

  end(): ListMeta {
    if (!this.found || this.left !== null || this.line.waiting > 0) throw new MalformedAnswer("the list was cut short");
    if (this.meta === null || this.meta.resourceVersion === "") throw new MalformedAnswer("the answer is no list");
    return this.meta;
  }

  /** Reads one field that is whole; where the next begins. */
  private step(bytes: Buffer, at: number): number {
    if (this.left === 0) this.left = null;
    const head = readHead(bytes.subarray(at, at + 10));
    if (head === null) return at;
    const from = at + head.size;
    if (this.left === null && head.tag === rawField) {
      this.found = true;
      this.left = head.length;
      if (head.length === 0) this.left = null;
      return from;
    }
    const to = from + head.length;
    if (to > bytes.length) return at;
    if (this.left === null) return to;
    this.left -= to - at;
    if (this.left < 0) throw new MalformedAnswer("an object that is longer than its list");
    if (head.tag === metaField) this.meta = readListMeta(bytes.subarray(from, to));
    else if (head.tag === itemField) {
      const seen = this.read(new WireCursor(bytes, from, to));
      if (seen !== null) this.item(seen);
    }
    if (this.left === 0) this.left = null;
    return to;
  }
}

/** RawExtension: the object in its envelope. */
function readRaw(cursor: WireCursor): Buffer | null {
  let raw: Buffer | null = null;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) raw = cursor.raw();
    else cursor.skip();
  }
  cursor.leave(outer);
  return raw;
}

function eventOf(frame: Buffer, read: ReadObject): WatchEvent | null {
  const cursor = new WireCursor(frame);
  let type = "";
  let object: Buffer | null = null;
  while (cursor.next()) {
    if (cursor.field === 1) type = cursor.text();
    else if (cursor.field === 2) object = readRaw(cursor);
    else cursor.skip();
  }
  if (object === null) throw new MalformedAnswer("an event without an object");
  const raw = openEnvelope(object);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED": {
      const seen = read(new WireCursor(raw));
      return seen === null ? null : { kind: type === "DELETED" ? "gone" : "there", seen };
    }
    case "BOOKMARK": {
      const { resourceVersion, annotations } = readBookmark(new WireCursor(raw));
      if (resourceVersion === "") throw new MalformedAnswer("an empty bookmark");
      return { kind: "bookmark", resourceVersion, initialEventsEnd: annotations[initialEventsEnd] === "true" };
    }
    case "ERROR":
      return { kind: "error", status: readStatus(raw) };
    default:
      return { kind: "unknown", type };
  }
}

/** Each event is preceded by its length in four bytes, the highest first. */
function readWatch(read: ReadObject, event: (event: WatchEvent) => void): WatchReading {
  const line = new ByteLine();
  return {
    feed: (chunk) => {
      const bytes = line.join(chunk);
      let at = 0;
      while (at + 4 <= bytes.length) {
        const to = at + 4 + bytes.readUInt32BE(at);
        if (to > bytes.length) break;
        const one = eventOf(bytes.subarray(at + 4, to), read);
        at = to;
        if (one !== null) event(one);
      }
      line.take(at);
    },
  };
}

/** Reads a resource as protobuf; as JSON where the server gives that. */
export function protobufReader(read: ReadObject, decode: Decode): Reader {
  const json = jsonReader(decode);
  const isProtobuf = (type: string): boolean => type.startsWith(contentType);
  return {
    acceptList: `${contentType},application/json`,
    acceptWatch: `${contentType},application/json`,
    list: (type, item) => (isProtobuf(type) ? new ListStream(read, item) : json.list(type, item)),
    watch: (type, event) => (isProtobuf(type) ? readWatch(read, event) : json.watch(type, event)),
  };
}
