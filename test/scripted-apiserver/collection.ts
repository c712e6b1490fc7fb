import type { ByteStream } from "./byte-stream.ts";
import type { Form } from "./form.ts";
import type { Held } from "./held.ts";

export interface CollectionKind {
  /** `/api/v1/pods`. */
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
}

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

export interface StoredEvent {
  readonly type: EventType;
  readonly object: Held;
  readonly version: number;
}

/** A watch that is open. */
export interface Watcher {
  readonly stream: ByteStream;
  readonly form: Form;
  readonly wants: (object: Held) => boolean;
  /** Events wait here while it stalls. */
  stalled: StoredEvent[] | null;
}

const keyOf = ({ namespace, name }: Pick<Held, "namespace" | "name">): string => `${namespace ?? ""}/${name}`;
const mostEvents = 20_000;

/** One resource: its objects, what happened to them, and who is watching. */
export class Collection {
  readonly kind: CollectionKind;
  readonly watchers = new Set<Watcher>();
  readonly #objects = new Map<string, Held>();
  #events: StoredEvent[] = [];
  /** Versions below it are forgotten. */
  floor = 0;

  constructor(kind: CollectionKind) {
    this.kind = kind;
  }

  get size(): number {
    return this.#objects.size;
  }

  objects(): readonly Held[] {
    return [...this.#objects.values()];
  }

  find(namespace: string | null, name: string): Held | undefined {
    return this.#objects.get(keyOf({ namespace, name }));
  }

  put(object: Held): void {
    const key = keyOf(object);
    const type = this.#objects.has(key) ? "MODIFIED" : "ADDED";
    this.#objects.set(key, object);
    this.#tell({ type, object, version: object.version });
  }

  /** `object`: its last state, in the version of its end. */
  remove(object: Held): void {
    this.#objects.delete(keyOf(object));
    this.#tell({ type: "DELETED", object, version: object.version });
  }

  /** What happened after a version; null: that is forgotten. */
  since(version: number): readonly StoredEvent[] | null {
    if (version < this.floor) return null;
    return this.#events.filter((event) => event.version > version);
  }

  /** The newest events, once more. */
  latest(count: number): readonly StoredEvent[] {
    return this.#events.slice(-count);
  }

  /** As if an object had never been: nobody is told. */
  undo(namespace: string, name: string): void {
    this.#objects.delete(keyOf({ namespace, name }));
    this.#events = [];
  }

  /** Forgets what happened up to a version. */
  forget(version: number): void {
    this.floor = version;
    this.#events = this.#events.filter((event) => event.version > version);
  }

  send(watcher: Watcher, event: StoredEvent): void {
    if (!watcher.wants(event.object)) return;
    if (watcher.stalled !== null) watcher.stalled.push(event);
    else watcher.stream.push(watcher.form.event(event.type, event.object));
  }

  #tell(event: StoredEvent): void {
    this.#events.push(event);
    if (this.#events.length > 2 * mostEvents) {
      this.#events = this.#events.slice(-mostEvents);
      this.floor = this.#events[0]?.version ?? this.floor;
    }
    for (const watcher of this.watchers) this.send(watcher, event);
  }
}
