import { backOff, backOffAfter } from "./pace.ts";
import type { Refusal } from "./refusal.ts";

/** A server that is behind is asked so often for what it does not have; then its state counts, however old. */
const mostAhead = 3;
/** So often an answer in protobuf may be garbled, before JSON is asked for. */
const mostMalformed = 2;
/** So many watches may break off the state that they begin with, before it is asked for as a list. */
const mostUnfinished = 2;

/** What went wrong with one resource, in a row, and how long to wait after it, in milliseconds. */
export class Setbacks {
  private readonly random: () => number;
  /** Requests that failed, in whatever way. */
  failed = 0;
  /** Versions that were too old, with no watch between them that held: to list is no way out of that. */
  private expired = 0;
  private ahead = 0;
  private malformed = 0;
  private broken = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  /** Whether the server has been behind our version for too long to wait for it. */
  get isBehind(): boolean {
    return this.ahead >= mostAhead;
  }

  refused(refusal: Refusal): number {
    this.failed += 1;
    if (refusal.kind === "expired") this.expired += 1;
    if (refusal.kind === "ahead") this.ahead += 1;
    if (refusal.kind === "busy") return backOffAfter(refusal.after, this.failed, this.random);
    return backOff(Math.max(this.failed, this.expired), this.random);
  }

  /** A watch ended and brought nothing. */
  ended(): number {
    this.failed += 1;
    return backOff(this.failed, this.random);
  }

  /** A watch ended before the state that it began with; whether that is enough of it. */
  unfinished(): boolean {
    this.broken += 1;
    return this.broken >= mostUnfinished;
  }

  /** An answer was garbled; whether that is enough of it. */
  garbled(): boolean {
    this.malformed += 1;
    return this.malformed >= mostMalformed;
  }

  /** A list, or a page of it, was read. */
  over(): void {
    this.failed = 0;
    this.ahead = 0;
  }

  /** A list was read to its end. */
  listed(): void {
    this.over();
    this.malformed = 0;
    this.broken = 0;
  }

  /** The server has our version. */
  caughtUp(): void {
    this.ahead = 0;
  }

  /** A watch brought something newer. */
  cameOn(): void {
    this.over();
    this.expired = 0;
  }

  /** Whatever ends a watch that held for a good while, it is no failure in a row. */
  held(): void {
    this.failed = 0;
    this.expired = 0;
  }
}
