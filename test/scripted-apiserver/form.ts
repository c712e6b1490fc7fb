/** The forms in which a server answers: JSON, metadata alone, protobuf. */
import type { CollectionKind } from "./collection.ts";
import type { Held } from "./held.ts";
import { envelope, eventFrame, listFrame, listItem, listMetadata, statusMessage } from "./pod-message.ts";
import type { ApiObject } from "../cluster-of.ts";

export interface Form {
  readonly listType: string;
  readonly watchType: string;
  list(objects: readonly Held[], version: number, next: string): Iterable<Uint8Array>;
  event(type: string, object: Held): Uint8Array;
  bookmark(version: number, initialEventsEnd: boolean): Uint8Array;
  error(status: ApiObject): Uint8Array;
  refusal(status: ApiObject): Uint8Array;
}

const line = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value)}\n`);
const endOfInitial = { "k8s.io/initial-events-end": "true" };
const batchBytes = 1 << 16;

interface Metadata {
  readonly [field: string]: unknown;
}

/** `text`: what a held object is sent as. */
function jsonForm(kind: CollectionKind, listKind: string, itemKind: object, text: (object: Held) => string): Form {
  return {
    listType: "application/json",
    watchType: "application/json",
    *list(objects, version, next) {
      const metadata = { resourceVersion: String(version), ...(next === "" ? {} : { continue: next }) };
      const head = JSON.stringify({ kind: listKind, apiVersion: kind.apiVersion, metadata });
      if (objects.length === 0) {
        yield Buffer.from(`${head.slice(0, -1)},"items":null}\n`);
        return;
      }
      let batch = `${head.slice(0, -1)},"items":[`;
      for (const [index, object] of objects.entries()) {
        batch += (index === 0 ? "" : ",") + text(object);
        if (batch.length < batchBytes) continue;
        yield Buffer.from(batch);
        batch = "";
      }
      yield Buffer.from(`${batch}]}\n`);
    },
    event: (type, object) => Buffer.from(`{"type":"${type}","object":${text(object)}}\n`),
    bookmark: (version, end) => {
      const metadata = { resourceVersion: String(version), ...(end ? { annotations: endOfInitial } : {}) };
      return line({ type: "BOOKMARK", object: { ...itemKind, metadata } });
    },
    error: (status) => line({ type: "ERROR", object: status }),
    refusal: (status) => Buffer.from(JSON.stringify(status)),
  };
}

export function wholeJson(kind: CollectionKind): Form {
  return jsonForm(kind, `${kind.kind}List`, { kind: kind.kind, apiVersion: kind.apiVersion }, (object) =>
    object.json(),
  );
}

export function metadataJson(kind: CollectionKind): Form {
  const itemKind = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" };
  return jsonForm(kind, "PartialObjectMetadataList", itemKind, (object) => {
    const { metadata } = JSON.parse(object.json()) as { metadata: Metadata };
    return JSON.stringify({ ...itemKind, metadata });
  });
}

function podEnvelope(raw: Uint8Array): Buffer {
  return envelope("Pod", "v1", raw);
}

/** An event about a Pod. */
export function podEvent(type: string, message: Uint8Array): Buffer {
  return eventFrame(type, podEnvelope(message));
}

/** Pods only. */
export function protobuf(bookmarkOf: (version: number, end: boolean) => Uint8Array): Form {
  const messageOf = (object: Held): Buffer => {
    const message = object.protobuf();
    if (message === null) throw new Error("only Pods have a form in protobuf here");
    return message;
  };
  const type = "application/vnd.kubernetes.protobuf";
  return {
    listType: type,
    watchType: `${type};stream=watch`,
    *list(objects, version, next) {
      const metadata = listMetadata(version.toString(), next);
      let length = metadata.length;
      // The length stands before the list: it is written twice rather than held.
      for (const object of objects) length += listItem(messageOf(object)).length;
      const { head, tail } = listFrame(length);
      yield head;
      yield metadata;
      let batch: Buffer[] = [];
      let size = 0;
      for (const object of objects) {
        const item = listItem(messageOf(object));
        batch.push(item);
        size += item.length;
        if (size < batchBytes) continue;
        yield Buffer.concat(batch);
        batch = [];
        size = 0;
      }
      yield Buffer.concat([...batch, tail]);
    },
    event: (event, object) =>
      event === "ADDED" && object.added !== undefined ? object.added : podEvent(event, messageOf(object)),
    bookmark: (version, end) => eventFrame("BOOKMARK", podEnvelope(bookmarkOf(version, end))),
    error: (status) => eventFrame("ERROR", statusMessage(status)),
    refusal: (status) => statusMessage(status),
  };
}

export const endOfInitialEvents = endOfInitial;
