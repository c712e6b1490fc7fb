import type { WireCursor } from "./wire.ts";

/** What we read of meta/v1 ObjectMeta, in the form that JSON would give it, for the decoders of kube/. */
export interface WireMetadata {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  generation: number;
  creationTimestamp?: Date;
  deletionTimestamp?: Date;
  labels?: Record<string, string>;
  ownerReferences?: WireOwner[];
}

interface WireOwner {
  kind: string;
  name: string;
  uid: string;
  controller: boolean;
}

/** A map field's entry, added to the record as JSON.parse would: `__proto__` is a key like any other. */
function readEntry(cursor: WireCursor, record: Record<string, string>): void {
  let key = "";
  let value = "";
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) key = cursor.text();
    else if (cursor.field === 2) value = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  if (key !== "__proto__") record[key] = value;
  else Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
}

/** meta/v1 Time in whole seconds; null: the zero time, which is written as nothing. */
function readTime(cursor: WireCursor): number | null {
  let seconds: number | null = null;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) seconds = cursor.integer();
    else cursor.skip();
  }
  cursor.leave(outer);
  return seconds;
}

function readOwner(cursor: WireCursor): WireOwner {
  const owner: WireOwner = { kind: "", name: "", uid: "", controller: false };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) owner.kind = cursor.text();
    else if (cursor.field === 3) owner.name = cursor.text();
    else if (cursor.field === 4) owner.uid = cursor.text();
    else if (cursor.field === 6) owner.controller = cursor.boolean();
    else cursor.skip();
  }
  cursor.leave(outer);
  return owner;
}

/** When the entry was written last; what it says of the fields is stepped over. */
function readManagedTime(cursor: WireCursor): number {
  let seconds = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 4) seconds = readTime(cursor) ?? 0;
    else cursor.skip();
  }
  cursor.leave(outer);
  return seconds;
}

/** Reads a metadata field; `stamp` is the newest time in it that the server wrote (json-object.ts), in seconds. */
export function readMetadata(cursor: WireCursor): { readonly metadata: WireMetadata; readonly stamp: number } {
  const metadata: WireMetadata = { name: "", namespace: "", uid: "", resourceVersion: "", generation: 0 };
  let stamp = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    switch (cursor.field) {
      case 1:
        metadata.name = cursor.text();
        break;
      case 3:
        metadata.namespace = cursor.text();
        break;
      case 5:
        metadata.uid = cursor.text();
        break;
      case 6:
        metadata.resourceVersion = cursor.text();
        break;
      case 7:
        metadata.generation = cursor.integer();
        break;
      case 8: {
        const seconds = readTime(cursor);
        if (seconds === null) break;
        metadata.creationTimestamp = new Date(seconds * 1000);
        stamp = Math.max(stamp, seconds);
        break;
      }
      case 9:
        metadata.deletionTimestamp = new Date((readTime(cursor) ?? 0) * 1000);
        break;
      case 11:
        readEntry(cursor, (metadata.labels ??= {}));
        break;
      case 13:
        (metadata.ownerReferences ??= []).push(readOwner(cursor));
        break;
      case 17:
        stamp = Math.max(stamp, readManagedTime(cursor));
        break;
      default:
        cursor.skip();
    }
  }
  cursor.leave(outer);
  return { metadata, stamp };
}

interface Bookmark {
  resourceVersion: string;
  readonly annotations: Record<string, string>;
}

function readBookmarkMetadata(cursor: WireCursor, bookmark: Bookmark): void {
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 6) bookmark.resourceVersion = cursor.text();
    else if (cursor.field === 12) readEntry(cursor, bookmark.annotations);
    else cursor.skip();
  }
  cursor.leave(outer);
}

/** What a bookmark says, whose metadata is all that it has. */
export function readBookmark(cursor: WireCursor): Readonly<Bookmark> {
  const bookmark: Bookmark = { resourceVersion: "", annotations: {} };
  while (cursor.next()) {
    if (cursor.field === 1) readBookmarkMetadata(cursor, bookmark);
    else cursor.skip();
  }
  return bookmark;
}
