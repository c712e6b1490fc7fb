import { ApiUnreachable } from "./client.ts";
import type { ApiClient, ApiResponse } from "./client.ts";
import type { SourceClock } from "./pace.ts";
import { Exchange } from "./exchange.ts";
import { watchSeconds } from "./pace.ts";
import { readRefusal, refusalOfEvent } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { checkPath, initialListPath, initialWatchPath, listPath, watchPath } from "./request-path.ts";
import type { Freshness } from "./request-path.ts";
import type { ResourceStore } from "./resource-store.ts";
import { isNewer } from "./resource-version.ts";
import { MalformedAnswer } from "./seen.ts";
import type { ListMeta, WatchEvent } from "./seen.ts";
import { Setbacks } from "./setbacks.ts";
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
  /** The server has come at least to the version that is known. */
  | { readonly kind: "checked" }
  /** The server ended the watch; `cameOn`: it brought a newer version. */
  | { readonly kind: "ended"; readonly cameOn: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type ReflectorState = "listing" | "watching" | "waiting" | "absent";

/** So many watches in a row that end at once and bring nothing are no watches. */
const mostEmpty = 3;
/** How often it is tried whether something that nothing depends on may be read by now. */
const needlessMs = 300_000;
/** A watch that held for so long was a good one. */
const goodWhileMs = 10_000;
/** A watch that goes on for so long after its time was meant to end. */
const overtimeMs = 30_000;
/** After a connection has failed, a watch that brings nothing for so long is looked into: bookmarks come each minute. */
const silentMs = 90_000;

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
  private readonly setbacks: Setbacks;
  /**
   * Whether the server may have gone back behind our version (etcd was restored): it then takes our watch, and says
   * nothing until it has come so far again. `late`: asked if nothing comes; `now`: asked before the next watch.
   */
  private doubt: "none" | "late" | "now" = "none";
  state: ReflectorState = "listing";
  /** Why it waits; null: it does not. */
  refusal: Refusal | null = null;
  /** True once it was listed, or once it is known that it cannot be. */
  settled = false;
  readonly exchange: Exchange;
  readonly counts = { lists: 0, watches: 0, failures: 0, events: 0 };

  constructor(store: ResourceStore, parts: ReflectorParts) {
    this.store = store;
    this.parts = parts;
    this.reader = store.resource.reader;
    this.setbacks = new Setbacks(parts.random);
    this.exchange = new Exchange(parts.client, parts.clock);
  }

  get failures(): number {
    return this.setbacks.failed;
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
      if (!this.mustList) return this.doubt === "now" ? await this.check(stop) : await this.watch(false, stop);
      if (this.refusal === null) this.set("listing");
      return this.streams ? await this.watch(true, stop) : await this.list(stop);
    } catch (error) {
      // What should have ended by itself is watched anew; if nobody is there any more, that tells.
      if (error instanceof TimeUp && (this.streams || !this.mustList)) return { kind: "ended", cameOn: false };
      return { kind: "refused", refusal: this.refusalOfError(error, stop) };
    }
  }

  private refusalOfError(error: unknown, stop: AbortSignal): Refusal {
    if (stop.aborted || error instanceof ApiUnreachable || error instanceof TimeUp) {
      return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    if (!(error instanceof MalformedAnswer)) throw error;
    if (this.setbacks.garbled()) this.reader = jsonOf(this.reader);
    return { kind: "failed", message: error.message };
  }

  /** A server that is behind for good (etcd was restored) has lost our version: then its own newest counts. */
  private freshness(): Freshness {
    return this.setbacks.isBehind ? "newest" : this.parts.freshness;
  }

  /** Draws the consequences: what to do next, and how long to wait before. */
  private async settle(end: End, stop: AbortSignal): Promise<void> {
    const { setbacks } = this;
    if (end.kind === "listed") return setbacks.over();
    if (end.kind === "ended" && end.cameOn) return setbacks.cameOn();
    if (end.kind === "checked") {
      this.doubt = "none";
      return setbacks.caughtUp();
    }
    if (end.kind === "refused" && end.refusal.kind === "unknown-request" && this.mustList && this.streams) {
      this.streams = false;
      return;
    }
    this.counts.failures += 1;
    const wait = end.kind === "ended" ? this.settleEnd() : this.settleRefusal(end.refusal);
    await this.parts.clock.sleep(wait, stop);
  }

  /** A watch that ended and brought nothing was watching; one of many that do so at once is none. */
  private settleEnd(): number {
    const wait = this.setbacks.ended();
    if (!this.mustList) {
      this.doubt = "now";
      if (this.setbacks.failed >= mostEmpty) this.wait({ kind: "failed", message: "each watch ends at once" });
      return wait;
    }
    // The state that it was to begin with did not come to its end.
    if (this.setbacks.unfinished()) this.streams = false;
    this.wait({ kind: "failed", message: "the watch did not bring the whole state" });
    return wait;
  }

  private settleRefusal(refusal: Refusal): number {
    const wait = this.setbacks.refused(refusal);
    if (refusal.kind === "expired" || (refusal.kind === "ahead" && this.setbacks.isBehind)) this.mustList = true;
    if (this.doubt === "none") this.doubt = "late";
    // A version that is too old is no outage.
    if (refusal.kind !== "expired") this.wait(refusal);
    // Without it all goes on: that 5,000 agents ask is not worth it.
    const isNeedless = refusal.kind === "forbidden" && this.store.resource.need === "extra";
    return isNeedless ? needlessMs * (1 + this.parts.random()) : wait;
  }

  private wait(refusal: Refusal): void {
    this.state = refusal.kind === "absent" ? "absent" : "waiting";
    this.refusal = refusal;
    // What is not there may come in a moment, of a server that has just started: only what is of no consequence is settled.
    const isMinor = this.store.resource.need === "extra";
    if (refusal.kind === "forbidden" || (refusal.kind === "absent" && isMinor)) this.settled = true;
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
    const { store, next } = this;
    const path = next === null ? initialListPath(store, this.freshness(), this.pages) : listPath(store, next);
    const page = await this.page(path, next === null, stop);
    if ("kind" in page) {
      // Whatever is wrong with this page will not get better.
      if (!["failed", "busy", "forbidden"].includes(page.kind)) {
        this.next = null;
        this.pages = false;
      }
      return { kind: "refused", refusal: page };
    }
    if (page.continue === "") this.listed(page.resourceVersion);
    else this.next = page.continue;
    return { kind: "listed" };
  }

  /** Asks the server whether it has come to our version. */
  private async check(stop: AbortSignal): Promise<End> {
    const refusal = await this.exchange.ask(checkPath(this.store), this.reader.acceptList, stop);
    return refusal === null ? { kind: "checked" } : { kind: "refused", refusal };
  }

  private page(path: string, first: boolean, stop: AbortSignal): Promise<ListMeta | Refusal> {
    const guard = (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> =>
      this.exchange.untilStalled(signal, breakOff, () => false);
    return guarded(stop, guard, async (signal) => {
      const response = await this.exchange.request(path, this.reader.acceptList, signal);
      if (response.status !== 200) return readRefusal(response);
      if (first) this.store.beginList();
      const reading = this.reader.list(response.headers["content-type"] ?? "", (seen) => this.store.see(seen));
      await this.exchange.receive(response, signal, (chunk) => reading.feed(chunk));
      return reading.end();
    });
  }

  private listed(resourceVersion: string): void {
    this.counts.lists += 1;
    this.setbacks.listed();
    this.store.endList(resourceVersion);
    this.mustList = false;
    this.settled = true;
    this.pages = true;
    this.next = null;
    this.doubt = "none";
    this.refusal = null;
    this.parts.changed();
  }

  /** Watches until it ends. `initial`: it begins with everything that is there. */
  private watch(initial: boolean, stop: AbortSignal): Promise<End> {
    const { clock, random } = this.parts;
    const seconds = watchSeconds(random);
    const path = initial ? initialWatchPath(this.store, seconds, this.freshness()) : watchPath(this.store, seconds);
    const guard = async (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> => {
      if (initial) await this.exchange.untilStalled(signal, breakOff, () => !this.mustList);
      await clock.sleep(goodWhileMs, signal);
      if (signal.aborted) return;
      this.setbacks.held();
      await clock.sleep(silentMs - goodWhileMs, signal);
      if (this.doubt === "late") breakOff("nothing came since the connection had failed");
      await clock.sleep(seconds * 1000 + overtimeMs - silentMs, signal);
      breakOff("the watch outlasted its time");
    };
    return guarded(stop, guard, async (signal) => {
      const response = await this.exchange.request(path, this.reader.acceptWatch, signal);
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
    let before = store.resourceVersion;
    const reading = this.reader.watch(response.headers["content-type"] ?? "", (event) => {
      if (refusal !== null) return;
      if (event.kind === "error") refusal = refusalOfEvent(event.status, listing);
      else {
        const wasListing = listing;
        listing = this.take(event, listing);
        if (wasListing && !listing) before = store.resourceVersion;
      }
    });
    const cameOn = (): boolean => !listing && store.resourceVersion !== before;
    await this.exchange.receive(response, signal, (chunk) => {
      reading.feed(chunk);
      if (cameOn()) this.setbacks.cameOn();
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
      if (!listing && isNewer(event.resourceVersion, store.resourceVersion)) this.comeTo(event.resourceVersion);
      return listing;
    }
    const { seen } = event;
    // The initial events come in any order; after them, what is not newer was seen before.
    if (!listing && !isNewer(seen.resourceVersion, store.resourceVersion)) return listing;
    if (event.kind === "there") store.see(seen);
    else store.forget(seen);
    if (!listing) this.comeTo(seen.resourceVersion);
    return listing;
  }

  private comeTo(resourceVersion: string): void {
    this.store.resourceVersion = resourceVersion;
    this.doubt = "none";
  }
}
