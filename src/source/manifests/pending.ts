interface Unrest {
  readonly first: number;
  last: number;
}

/** The name under which a whole folder stands that must be looked at. */
export const wholeFolder = "";

/**
 * Files that something happened to, until they may be read: when nothing more happened for a while, so that they are
 * likely written to the end, but not later than a bound, so that one that never rests gets through. Times are
 * milliseconds of one steady clock.
 */
export class PendingFiles {
  private readonly files = new Map<string, Unrest>();
  private readonly quietMs: number;
  private readonly longestMs: number;

  constructor(quietMs: number, longestMs: number) {
    this.quietMs = quietMs;
    this.longestMs = longestMs;
  }

  mark(name: string, now: number): void {
    const known = this.files.get(name);
    if (known === undefined) this.files.set(name, { first: now, last: now });
    else known.last = now;
  }

  /**
   * The files to read now. Once one is due, those that are nearly due come with it: a file that is renamed is two
   * names within microseconds, and taking away the old one alone would take its objects away.
   */
  take(now: number): ReadonlySet<string> {
    const taken = new Set<string>();
    if (this.dueIn(now) > 0) return taken;
    for (const [name, unrest] of this.files) {
      if (now - unrest.last < this.quietMs * 0.75 && now - unrest.first < this.longestMs) continue;
      taken.add(name);
      this.files.delete(name);
    }
    return taken;
  }

  /** Milliseconds until `take` has something; infinite if nothing is pending. */
  dueIn(now: number): number {
    let due = Infinity;
    for (const { first, last } of this.files.values()) {
      due = Math.min(due, last + this.quietMs - now, first + this.longestMs - now);
    }
    return due;
  }
}
