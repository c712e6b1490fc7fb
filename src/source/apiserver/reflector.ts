import { ApiUnreachable } from "./client.ts";
import type { ApiClient, ApiResponse } from "./client.ts";
import type { SourceClock } from "./pace.ts";
import { backOff, backOffAfter, watchSeconds } from "./pace.ts";
import { readRefusal, refusalOf } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { initialListPath, initialWatchPath, listPath, watchPath } from "./request-path.ts";
import type { Freshness } from "./request-path.ts";
import type { ResourceStore } from "./resource-store.ts";
import { isNewer } from "./resource-version.ts";
import { MalformedAnswer } from "./seen.ts";
import type { ApiStatus, ListMeta, WatchEvent } from "./seen.ts";
import { guarded, TimeUp } from "./time-limit.ts";
import { jsonOf } from "./read/json.ts";
import type { Reader } from "./read/reader.ts";

export interface ReflectorParts {
  readonly client: ApiClient;
  readonly clock: SourceClock;
  /** [0, 1) */
  readonly random: () => number;
  /** Of the first list: whatever the watch cache has, or nothing older than now. */
  readonly freshness: Freshness;
  /** The store has news, or the state is another. */
  readonly changed: () => void;
}

/** How one step ended. */
type End =
  /** The list, or a page of it, was read: it goes on from there. */
  | { readonly kind: "listed" }
  /** The server ended the watch; `cameOn`: it brought a newer version. */
  | { readonly kind: "ended"; readonly cameOn: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type ReflectorState = "listing" | "watching" | "waiting" | "absent";

/** A list on which nothing comes for so long has stalled. */
const stallMs = 60_000;
/** A watch that held for so long was a good one. */
const goodWhileMs = 10_000;
/** A watch that goes on for so long after its time was meant to end. */
const overtimeMs = 30_000;
/** A server that is behind is asked so often for what it does not have; then its state counts, however old. */
const mostAhead = 3;
/** So often an answer in protobuf may be garbled, before JSON is asked for. */
const mostMalformed = 2;

/**
 * Keeps one store equal to one resource of the server: lists it, and then watches it, for ever. Whatever breaks, it
 * goes on from the version that it has; it lists again only where the server says that this version is too old.
 */
export class Reflector {
  readonly store: ResourceStore;
  private readonly parts: ReflectorParts;
  private reader: Reader;
  /** Whether the server takes watches that begin with the state (WatchList). It is asked once. */
  private streams = true;
  private mustList = true;
  private pages = true;
  /** The page of a list to ask for next; null: the first. */
  private next: string | null = null;
  /** Refusals in a row. */
  private failed = 0;
  private ahead = 0;
  private malformed = 0;
  state: ReflectorState = "listing";
  /** Why it waits; null: it does not. */
  refusal: Refusal | null = null;
  /** True once it was listed, or once it is known that it cannot be. */
  settled = false;
  lastHeard: number | null = null;
  readonly counts = { lists: 0, watches: 0, failures: 0, events: 0, bytes: 0, readSeconds: 0 };

  constructor(store: ResourceStore, parts: ReflectorParts) {
    this.store = store;
    this.parts = parts;
    this.reader = store.resource.reader;
  }

  get failures(): number {
    return this.failed;
  }

  /** Runs until the signal aborts. Rejects only on a defect. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const end = await this.step(stop);
      if (!stop.aborted) await this.settle(end, stop);
    }
  }

  private async step(stop: AbortSignal): Promise<End> {
    try {
      if (!this.mustList) return await this.watch(false, stop);
      if (this.refusal === null) this.set("listing");
      return this.streams ? await this.watch(true, stop) : await this.list(stop);
    } catch (error) {
      // What should have ended by itself is watched anew; if nobody is there any more, that tells.
      if (error instanceof TimeUp && !this.mustList) return { kind: "ended", cameOn: false };
      return { kind: "refused", refusal: this.refusalOfError(error, stop) };
    }
  }

  private refusalOfError(error: unknown, stop: AbortSignal): Refusal {
    if (stop.aborted || error instanceof ApiUnreachable || error instanceof TimeUp) {
      return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    if (!(error instanceof MalformedAnswer)) throw error;
    this.malformed += 1;
    if (this.malformed >= mostMalformed) this.reader = jsonOf(this.reader);
    return { kind: "failed", message: error.message };
  }

  /** A server that is behind for good (etcd was restored) has lost our version: then its own newest counts. */
  private freshness(): Freshness {
    return this.ahead >= mostAhead ? "newest" : this.parts.freshness;
  }

  /** Draws the consequences: what to do next, and how long to wait before. */
  private async settle(end: End, stop: AbortSignal): Promise<void> {
    const { clock, random } = this.parts;
    if (end.kind === "listed" || (end.kind === "ended" && end.cameOn)) {
      this.failed = 0;
      this.ahead = 0;
      return;
    }
    const refusal: Refusal =
      end.kind === "ended" ? { kind: "failed", message: "the watch ended and brought nothing" } : end.refusal;
    if (refusal.kind === "unknown-request" && this.mustList && this.streams) {
      this.streams = false;
      return;
    }
    this.failed += 1;
    this.counts.failures += 1;
    if (refusal.kind === "expired") this.mustList = true;
    if (refusal.kind === "ahead") {
      this.ahead += 1;
      this.mustList ||= this.ahead >= mostAhead;
    }
    // A watch that brought nothing, and ended, was watching; a version that is too old was, too: neither is an outage.
    if (refusal.kind !== "expired" && end.kind !== "ended") this.wait(refusal);
    const wait =
      refusal.kind === "busy" ? backOffAfter(refusal.after, this.failed, random) : backOff(this.failed, random);
    await clock.sleep(wait, stop);
  }

  private wait(refusal: Refusal): void {
    this.state = refusal.kind === "absent" ? "absent" : "waiting";
    this.refusal = refusal;
    if (refusal.kind === "forbidden" || refusal.kind === "absent") this.settled = true;
    this.parts.changed();
  }

  private set(state: ReflectorState): void {
    this.refusal = null;
    if (this.state === state) return;
    this.state = state;
    this.parts.changed();
  }

  /**
   * Reads one page of a list. A page that fails is asked for again; the ones before it stand. If the rest of the pages
   * has expired, the list is read anew, in one answer out of the watch cache, which cannot expire.
   */
  private async list(stop: AbortSignal): Promise<End> {
    const { store } = this;
    let path: string;
    if (this.next === null) {
      store.beginList();
      path = initialListPath(store, this.freshness(), this.pages);
    } else path = listPath(store, this.next);
    const page = await this.page(path, stop);
    if ("kind" in page) {
      if (page.kind === "expired" || page.kind === "absent") {
        this.next = null;
        this.pages = false;
      }
      return { kind: "refused", refusal: page };
    }
    if (page.continue === "") this.listed(page.resourceVersion);
    else this.next = page.continue;
    return { kind: "listed" };
  }

  private page(path: string, stop: AbortSignal): Promise<ListMeta | Refusal> {
    const guard = async (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> => {
      for (let last = -1; !signal.aborted;) {
        if (this.counts.bytes === last) breakOff("the list has stalled");
        last = this.counts.bytes;
        await this.parts.clock.sleep(stallMs, signal);
      }
    };
    return guarded(stop, guard, async (signal) => {
      const response = await this.request(path, this.reader.acceptList, signal);
      if (response.status !== 200) return readRefusal(response);
      const reading = this.reader.list(response.headers["content-type"] ?? "", (seen) => this.store.see(seen));
      await this.receive(response, signal, (chunk) => reading.feed(chunk));
      return reading.end();
    });
  }

  private listed(resourceVersion: string): void {
    this.counts.lists += 1;
    this.malformed = 0;
    this.store.endList(resourceVersion);
    this.mustList = false;
    this.settled = true;
    this.pages = true;
    this.next = null;
    this.failed = 0;
    this.refusal = null;
    this.parts.changed();
  }

  /** Watches until it ends. `initial`: it begins with everything that is there. */
  private watch(initial: boolean, stop: AbortSignal): Promise<End> {
    const { clock, random } = this.parts;
    const seconds = watchSeconds(random);
    const path = initial ? initialWatchPath(this.store, seconds, this.freshness()) : watchPath(this.store, seconds);
    const guard = async (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> => {
      await clock.sleep(goodWhileMs, signal);
      if (signal.aborted) return;
      // Whatever ends a watch that held for so long, it is no failure in a row.
      this.failed = 0;
      await clock.sleep(seconds * 1000 + overtimeMs - goodWhileMs, signal);
      breakOff("the watch outlasted its time");
    };
    return guarded(stop, guard, async (signal) => {
      const response = await this.request(path, this.reader.acceptWatch, signal);
      if (response.status !== 200) return { kind: "refused", refusal: await readRefusal(response) };
      this.counts.watches += 1;
      return this.receiveEvents(response, initial, signal);
    });
  }

  private async receiveEvents(response: ApiResponse, initial: boolean, signal: AbortSignal): Promise<End> {
    const { store } = this;
    let listing = initial;
    let refusal: Refusal | null = null;
    if (initial) store.beginList();
    else this.set("watching");
    const before = store.resourceVersion;
    const reading = this.reader.watch(response.headers["content-type"] ?? "", (event) => {
      if (refusal !== null) return;
      if (event.kind === "error") refusal = refusalOfEvent(event.status, listing);
      else listing = this.take(event, listing);
    });
    const cameOn = (): boolean => !listing && store.resourceVersion !== before;
    await this.receive(response, signal, (chunk) => {
      reading.feed(chunk);
      if (cameOn()) this.failed = 0;
      if (!listing) this.parts.changed();
      return refusal !== null;
    });
    return refusal === null ? { kind: "ended", cameOn: cameOn() } : { kind: "refused", refusal };
  }

  /** Takes in one event; whether the initial ones are still to end. */
  private take(event: Exclude<WatchEvent, { kind: "error" }>, listing: boolean): boolean {
    const { store } = this;
    this.counts.events += 1;
    if (event.kind === "unknown") return listing;
    if (event.kind === "bookmark") {
      if (listing && event.initialEventsEnd) {
        this.listed(event.resourceVersion);
        this.set("watching");
        return false;
      }
      if (!listing && isNewer(event.resourceVersion, store.resourceVersion))
        store.resourceVersion = event.resourceVersion;
      return listing;
    }
    const { seen } = event;
    // The initial events come in any order; after them, what is not newer was seen before.
    if (!listing && !isNewer(seen.resourceVersion, store.resourceVersion)) return listing;
    if (event.kind === "there") store.see(seen);
    else store.forget(seen);
    if (!listing) store.resourceVersion = seen.resourceVersion;
    return listing;
  }

  private request(path: string, accept: string, signal: AbortSignal): Promise<ApiResponse> {
    return this.parts.client.request({ method: "GET", path, accept }, signal);
  }

  /** Takes the bytes of an answer until they end, or `feed` says that it is enough. */
  private async receive(
    response: ApiResponse,
    signal: AbortSignal,
    feed: (chunk: Uint8Array) => boolean | void,
  ): Promise<void> {
    try {
      for await (const chunk of response.body) {
        // Whoever stopped us may have given the store to another.
        signal.throwIfAborted();
        this.counts.bytes += chunk.byteLength;
        this.lastHeard = this.parts.clock.now();
        const began = performance.now();
        const enough = feed(chunk);
        this.counts.readSeconds += (performance.now() - began) / 1000;
        if (enough === true) return;
      }
    } finally {
      response.discard();
    }
  }
}

/** What an error on a watch says. Some servers take WatchList, and then cannot do it. */
function refusalOfEvent(status: ApiStatus, listing: boolean): Refusal {
  const refusal = refusalOf(status);
  const cannot = listing && refusal.kind === "failed" && status.code === 500;
  return cannot ? { kind: "unknown-request", message: refusal.message } : refusal;
}
