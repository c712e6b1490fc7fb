import type { ApiObject } from "../../../kube/decode/fields.ts";
import { field, isApiObject } from "../../../kube/decode/fields.ts";
import type { ListMeta, Seen, WatchEvent } from "../seen.ts";
import { MalformedAnswer } from "../seen.ts";
import { ByteLine } from "./byte-line.ts";
import { JsonListCutter } from "./json-list.ts";
import type { Decode } from "./json-object.ts";
import { seenOf } from "./json-object.ts";
import type { ListReading, Reader, WatchReading } from "./reader.ts";
import { statusOf } from "./status.ts";

const newline = 0x0a;
const initialEventsEnd = "k8s.io/initial-events-end";

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new MalformedAnswer("the answer is not JSON", { cause: error });
  }
}

function metadataOf(value: unknown): ApiObject {
  const metadata = isApiObject(value) ? field(value, "metadata") : undefined;
  return isApiObject(metadata) ? metadata : {};
}

/** Of a list, from what stands around its items. */
function listMetaOf(value: unknown): ListMeta {
  const { resourceVersion, continue: next } = metadataOf(value);
  const kind = isApiObject(value) && Object.hasOwn(value, "items") ? field(value, "kind") : undefined;
  const isList = typeof kind === "string" && kind.endsWith("List");
  // Whatever else answers 200 must not pass for a list without objects.
  if (!isList || typeof resourceVersion !== "string" || resourceVersion === "") {
    throw new MalformedAnswer("the answer is no list");
  }
  return { resourceVersion, continue: typeof next === "string" ? next : "" };
}

function bookmarkOf(value: unknown): WatchEvent {
  const { resourceVersion, annotations } = metadataOf(value);
  if (typeof resourceVersion !== "string" || resourceVersion === "") throw new MalformedAnswer("an empty bookmark");
  const end = isApiObject(annotations) && annotations[initialEventsEnd] === "true";
  return { kind: "bookmark", resourceVersion, initialEventsEnd: end };
}

/** Null: an object without a name, of which nothing can be said. */
function eventOf(value: unknown, decode: Decode): WatchEvent | null {
  if (!isApiObject(value)) throw new MalformedAnswer("the event is no object");
  const { type, object } = value;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED": {
      const seen = seenOf(object, decode);
      return seen === null ? null : { kind: type === "DELETED" ? "gone" : "there", seen };
    }
    case "BOOKMARK":
      return bookmarkOf(object);
    case "ERROR":
      return { kind: "error", status: statusOf(object) };
    default:
      return { kind: "unknown", type: typeof type === "string" ? type : "" };
  }
}

function readList(decode: Decode, item: (seen: Seen) => void): ListReading {
  const cutter = new JsonListCutter((bytes) => {
    const seen = seenOf(parse(bytes), decode);
    if (seen !== null) item(seen);
  });
  return { feed: (chunk) => cutter.feed(chunk), end: () => listMetaOf(cutter.end()) };
}

/** One event a line. A line without its end when the stream ends was cut short, and is no event. */
function readWatch(decode: Decode, event: (event: WatchEvent) => void): WatchReading {
  const line = new ByteLine();
  return {
    feed: (chunk) => {
      const before = line.waiting;
      const bytes = line.join(chunk);
      let from = 0;
      // What waited holds no end of a line.
      for (let end = bytes.indexOf(newline, before); end !== -1; end = bytes.indexOf(newline, from)) {
        const text = bytes.subarray(from, end);
        from = end + 1;
        if (text.length === 0) continue;
        const one = eventOf(parse(text), decode);
        if (one !== null) event(one);
      }
      line.take(from);
    },
  };
}

/** The same resource, always as JSON. */
export function jsonOf(reader: Reader): Reader {
  const json = "application/json";
  return { ...reader, acceptList: json, acceptWatch: json };
}

/** Reads the whole objects of a resource as JSON. */
export function jsonReader(decode: Decode): Reader {
  return {
    acceptList: "application/json",
    acceptWatch: "application/json",
    list: (_, item) => readList(decode, item),
    watch: (_, event) => readWatch(decode, event),
  };
}

const partial = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;

/** Reads only the metadata, of objects of which nothing but that they are there is of use. */
export const existenceReader: Reader = {
  ...jsonReader(() => ({ kind: "exists" })),
  acceptList: partial("PartialObjectMetadataList"),
  acceptWatch: partial("PartialObjectMetadata"),
};
