/**
 * A scripted API server: enough of one for what lists and watches, in memory, with a script of what goes wrong. It
 * does what kube-apiserver 1.36 was seen to do: pages, WatchList, bookmarks, both ways to say that a version is gone.
 */
import type { ApiRequest } from "../../src/source/apiserver/client.ts";
import type { ApiObject } from "../cluster-of.ts";
import { ByteStream } from "./byte-stream.ts";
import { Collection } from "./collection.ts";
import type { CollectionKind, Watcher } from "./collection.ts";
import { groupAnswer } from "./discovery-answer.ts";
import type { Served } from "./discovery-answer.ts";
import { endOfInitialEvents, metadataJson, protobuf, wholeJson } from "./form.ts";
import type { Form } from "./form.ts";
import { hold } from "./held.ts";
import type { Held } from "./held.ts";
import { podMessage } from "./pod-message.ts";

/** What was asked for, as a script sees it. */
export interface Asked {
  readonly verb: "list" | "page" | "watch" | "stream" | "check" | "discover";
  /** Of the resource: `/api/v1/pods`; of discovery the whole path. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What goes wrong with a request. */
export type Fault =
  | { readonly kind: "unreachable" }
  | { readonly kind: "status"; readonly code: number; readonly retryAfter?: number; readonly fields?: object }
  /** The answer is 200, and then an event says this. */
  | { readonly kind: "error-event"; readonly code: number; readonly fields?: object }
  /** The body ends after so many bytes: in order, or broken off. */
  | { readonly kind: "cut"; readonly after: number; readonly broken: boolean };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Nobody reads on. */
  leave(): void;
}

/** Thrown where a script says that there is no answer, and by a body that breaks off. */
export class Broken extends Error {}

interface Page {
  readonly objects: readonly Held[];
  readonly version: number;
}

const reasons: Readonly<Record<number, string>> = {
  403: "Forbidden",
  404: "NotFound",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** What an answer 504 to a version of the future says. */
export const tooLarge = {
  details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] },
};

function statusObject(code: number, fields: object = {}): ApiObject {
  const reason = reasons[code] ?? "Unknown";
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason,
    message: `scripted ${code}`,
    code,
    ...fields,
  };
}

async function* once(bytes: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* bytes;
}

/** In pieces as large as a socket takes them. */
function* initialEvents(form: Form, objects: readonly Held[], version: number): Generator<Uint8Array, void> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const object of objects) {
    const bytes = form.event("ADDED", object);
    batch.push(bytes);
    size += bytes.length;
    if (size < 1 << 17) continue;
    yield Buffer.concat(batch);
    batch = [];
    size = 0;
  }
  yield Buffer.concat([...batch, form.bookmark(version, true)]);
}

async function* cutAfter(body: AsyncIterable<Uint8Array>, after: number, broken: boolean) {
  let left = after;
  for await (const bytes of body) {
    if (bytes.length >= left) {
      yield bytes.subarray(0, left);
      if (broken) throw new Broken("connection reset");
      return;
    }
    left -= bytes.length;
    yield bytes;
  }
}

export class ScriptedApi {
  version = 1;
  readonly collections = new Map<string, Collection>();
  /** Everything that was asked. */
  readonly asked: Asked[] = [];
  /** What goes wrong with a request; null: nothing. */
  script: (asked: Asked) => Fault | null = () => null;
  /** Whether it takes watches that begin with the state; else how it refuses them. */
  watchList: "yes" | "422" | "500-event" = "yes";
  protobuf = true;
  /** How it says that a version is gone. */
  expiredAs: "answer" | "event" = "event";
  readonly #pages = new Map<string, Page>();
  #pageCount = 0;

  add(kind: CollectionKind): Collection {
    const collection = new Collection(kind);
    this.collections.set(kind.path, collection);
    return collection;
  }

  /** A resource goes, with its objects; its watches end. */
  drop(path: string): void {
    for (const watcher of this.collections.get(path)?.watchers ?? []) watcher.stream.end();
    this.collections.delete(path);
  }

  put(path: string, object: ApiObject): void {
    this.version += 1;
    this.#collection(path).put(hold(object, this.version));
  }

  putHeld(path: string, make: (version: number) => Held): void {
    this.version += 1;
    this.#collection(path).put(make(this.version));
  }

  remove(path: string, namespace: string | null, name: string): void {
    const collection = this.#collection(path);
    const object = collection.find(namespace, name);
    if (object === undefined) return;
    this.version += 1;
    const last = JSON.parse(object.json()) as ApiObject;
    collection.remove(hold(last, this.version));
  }

  /** Tells the watchers of a resource how far they are. */
  bookmark(path: string): void {
    for (const watcher of this.collections.get(path)?.watchers ?? []) {
      if (watcher.stalled === null) watcher.stream.push(watcher.form.bookmark(this.version, false));
    }
  }

  /** Pages of lists that were begun are too old from now on. */
  expirePages(): void {
    this.#pages.clear();
  }

  handle(request: Pick<ApiRequest, "path" | "accept">): Answer {
    const [path = "", search = ""] = request.path.split("?");
    const query = new URLSearchParams(search);
    const collection = this.collections.get(path);
    const asked: Asked = { verb: collection === undefined ? "discover" : verbOf(query), path, query };
    this.asked.push(asked);
    const fault = this.script(asked);
    if (fault?.kind === "unreachable") throw new Broken("connection refused");
    const form = collection === undefined ? null : this.#formOf(collection.kind, request.accept ?? "");
    if (fault?.kind === "status") return refuse(form, fault.code, fault.fields, fault.retryAfter);
    const answer =
      collection === undefined || form === null
        ? groupAnswer(path, this.#served())
        : fault?.kind === "error-event"
          ? watchAnswer(form, once([form.error(statusObject(fault.code, fault.fields))]))
          : this.#answer(collection, form, asked);
    return fault?.kind === "cut" ? { ...answer, body: cutAfter(answer.body, fault.after, fault.broken) } : answer;
  }

  #answer(collection: Collection, form: Form, { verb, query }: Asked): Answer {
    if (verb === "stream" && this.watchList === "422") return refuse(form, 422);
    if (verb === "stream" && this.watchList === "500-event") {
      return watchAnswer(form, once([form.error(statusObject(500))]));
    }
    if (verb === "watch" || verb === "stream") return this.#watch(collection, form, verb === "stream", query);
    const from = Number(query.get("resourceVersion") ?? 0);
    return from > this.version ? refuse(form, 504, tooLarge) : this.#list(collection, form, query);
  }

  #list(collection: Collection, form: Form, query: URLSearchParams): Answer {
    const token = query.get("continue");
    const page =
      token === null ? { objects: this.#wanted(collection, query), version: this.version } : this.#pages.get(token);
    if (page === undefined) {
      const metadata = { continue: this.#page({ objects: collection.objects(), version: this.version }) };
      return refuse(form, 410, { metadata });
    }
    const limit = Number(query.get("limit") ?? 0);
    const rest = limit > 0 && page.objects.length > limit ? page.objects.slice(limit) : [];
    const next = rest.length === 0 ? "" : this.#page({ objects: rest, version: page.version });
    const objects = rest.length === 0 ? page.objects : page.objects.slice(0, limit);
    return ok(form.listType, once(form.list(objects, page.version, next)));
  }

  #page(page: Page): string {
    this.#pageCount += 1;
    this.#pages.set(`page-${this.#pageCount}`, page);
    return `page-${this.#pageCount}`;
  }

  #wanted(collection: Collection, query: URLSearchParams): readonly Held[] {
    return collection.objects().filter(selectorOf(query));
  }

  #watch(collection: Collection, form: Form, initial: boolean, query: URLSearchParams): Answer {
    const from = Number(query.get("resourceVersion") ?? 0);
    const past = initial ? [] : collection.since(from);
    if (past === null) {
      const gone = statusObject(410);
      return this.expiredAs === "answer" ? refuse(form, 410) : watchAnswer(form, once([form.error(gone)]));
    }
    const stream = new ByteStream();
    const watcher: Watcher = { stream, form, wants: selectorOf(query), stalled: null };
    const objects = initial ? this.#wanted(collection, query) : [];
    const { version } = this;
    for (const event of past) collection.send(watcher, event);
    collection.watchers.add(watcher);
    const leave = (): void => {
      collection.watchers.delete(watcher);
      stream.end();
    };
    async function* body(): AsyncGenerator<Uint8Array, void> {
      try {
        if (initial) yield* initialEvents(form, objects, version);
        yield* stream.take();
      } finally {
        leave();
      }
    }
    return { ...watchAnswer(form, body()), leave };
  }

  #formOf(kind: CollectionKind, accept: string): Form {
    const wantsProtobuf = accept.startsWith("application/vnd.kubernetes.protobuf") && this.protobuf;
    if (wantsProtobuf && kind.kind === "Pod") return protobuf(podBookmark);
    return accept.includes("as=PartialObjectMetadata") ? metadataJson(kind) : wholeJson(kind);
  }

  #collection(path: string): Collection {
    const collection = this.collections.get(path);
    if (collection === undefined) throw new Error(`no collection at ${path}`);
    return collection;
  }

  #served(): readonly Served[] {
    return [...this.collections.values()].map(({ kind }) => ({
      apiVersion: kind.apiVersion,
      resource: kind.path.slice(kind.path.lastIndexOf("/") + 1),
    }));
  }
}

function verbOf(query: URLSearchParams): Asked["verb"] {
  if (query.get("watch") !== null) return query.get("sendInitialEvents") === "true" ? "stream" : "watch";
  if (query.get("continue") !== null) return "page";
  return query.get("limit") === "1" ? "check" : "list";
}

function selectorOf(query: URLSearchParams): (object: Held) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(query.get("fieldSelector") ?? "")?.[1];
  return name === undefined ? () => true : (object) => object.name === name;
}

function podBookmark(version: number, end: boolean): Uint8Array {
  const metadata = { resourceVersion: String(version), ...(end ? { annotations: endOfInitialEvents } : {}) };
  return podMessage({ apiVersion: "v1", kind: "Pod", metadata });
}

function ok(type: string, body: AsyncIterable<Uint8Array>): Answer {
  return { status: 200, headers: { "content-type": type }, body, leave: () => {} };
}

function watchAnswer(form: Form, body: AsyncIterable<Uint8Array>): Answer {
  return ok(form.watchType, body);
}

function refuse(form: Form | null, code: number, fields: object = {}, retryAfter?: number): Answer {
  const status = statusObject(code, fields);
  const bytes = form === null ? Buffer.from(JSON.stringify(status)) : form.refusal(status);
  const type = form === null ? "application/json" : form.listType;
  const patience = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
  return { status: code, headers: { "content-type": type, ...patience }, body: once([bytes]), leave: () => {} };
}
