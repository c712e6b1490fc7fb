import { ApiUnreachable } from "./client.ts";
import type { ApiClient } from "./client.ts";
import { discover } from "./discovery.ts";
import type { SourceClock } from "./pace.ts";
import { backOff } from "./pace.ts";
import type { OptionalKind } from "./resources.ts";
import type { Resource } from "./resource.ts";
import { guarded, TimeUp } from "./time-limit.ts";

export interface InstalledKindsParts {
  /** Those that are looked for. */
  readonly kinds: readonly OptionalKind[];
  readonly client: ApiClient;
  readonly clock: SourceClock;
  readonly random: () => number;
  /** Names of CustomResourceDefinitions that are there; null: they cannot be watched, or not at the moment. */
  readonly defined: () => ((name: string) => boolean) | null;
  /** Whether the definitions are still being asked for, for the first time. */
  readonly definitionsPend: () => boolean;
  /** These are followed from now on; those that are not named no longer. */
  readonly follow: (resources: readonly Resource[]) => void;
  /** The server was asked and did not say; what was known stands. */
  readonly failed: (message: string) => void;
}

/** How often the server is asked: nothing else tells of a kind; something does; something is under way. */
const blindMs = 30_000;
const seeingMs = 300_000;
const unsettledMs = 1000;
const longUnsettledMs = 60_000;
/** So many answers it takes, mostly, until a kind that has just been defined is served. */
const usuallyUnsettled = 5;
/** Answers that take longer than this do not come. */
const answerMs = 30_000;
/** So often is asked, at the start, for a kind that is defined and not served; then the others have waited enough. */
const mostPatience = 6;
/** How long a kind must be missing before it is believed to be gone. */
const doubtMs = 5000;

/**
 * Which kinds of policies are installed, as they come and go. A kind whose definition is gone is gone. Without sight of
 * the definitions it is gone if the server has said so for some seconds: one that has just started knows its own kinds
 * only after a moment, and to let go of a policy in that moment would open what it closes.
 */
export class InstalledKinds {
  private readonly parts: InstalledKindsParts;
  private known: ReadonlyMap<string, Resource> = new Map();
  /** Kinds that are missing, and whether they have been for long enough. */
  private readonly missing = new Map<string, { ripe: boolean }>();
  private failures = 0;
  /** Answers in a row that do not fit the definitions: a kind that is about to come or to go, or that never will. */
  private unsettled = 0;
  /** So many answers may still be those of before a change. */
  private lateAnswers = 0;
  private begun = false;
  private ring: () => void = () => {};
  private rung = false;

  constructor(parts: InstalledKindsParts) {
    this.parts = parts;
  }

  /** Something says that it may be another set of kinds by now. */
  look(): void {
    this.rung = true;
    this.unsettled = 0;
    this.ring();
  }

  /** A definition was changed, to other versions perhaps: the server may know of that only after a moment. */
  lookAgain(): void {
    this.lateAnswers = usuallyUnsettled;
    this.look();
  }

  /** Runs until the signal aborts. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.rung = false;
      const wait = await this.ask(stop);
      if (stop.aborted) return;
      await this.rest(wait, stop);
    }
  }

  /** Gives the milliseconds until it is to be asked again. */
  private async ask(stop: AbortSignal): Promise<number> {
    try {
      const { client, kinds, clock } = this.parts;
      const guard = async (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> => {
        await clock.sleep(answerMs, signal);
        breakOff("discovery: the answer has stalled");
      };
      const found = await guarded(stop, guard, (signal) => discover(client, kinds, signal));
      this.failures = 0;
      return this.compare(found, stop);
    } catch (error) {
      if (stop.aborted) return 0;
      if (!(error instanceof ApiUnreachable) && !(error instanceof TimeUp)) throw error;
      this.failures += 1;
      this.parts.failed(error.message);
      return backOff(this.failures, this.parts.random);
    }
  }

  private compare(found: readonly Resource[], stop: AbortSignal): number {
    const defined = this.parts.defined();
    const now = new Map(found.map((resource) => [resource.name, resource]));
    let settled = true;
    for (const [name, resource] of this.known) {
      const isGone = !now.has(name) && (defined === null ? this.isMissingForLong(name, stop) : !defined(name));
      if (now.has(name) || isGone) this.missing.delete(name);
      else {
        now.set(name, resource);
        settled = false;
      }
    }
    for (const { group, resource } of this.parts.kinds) {
      const name = `${resource}.${group}`;
      if (defined !== null && defined(name) !== now.has(name)) settled = false;
    }
    if (!this.begun && this.parts.definitionsPend()) settled = false;
    if (this.lateAnswers > 0 && this.begun) {
      this.lateAnswers -= 1;
      settled = false;
    }
    const doubted = Math.min(unsettledMs * 2 ** Math.max(0, this.unsettled - usuallyUnsettled), longUnsettledMs);
    this.unsettled = settled ? 0 : this.unsettled + 1;
    // A server that has just started may know a definition before it serves the kind. At a fresh start nothing is known
    // to fall back on: to go on without the kind would open what its policies close.
    if (!this.begun && !settled && this.unsettled < mostPatience) return unsettledMs;
    this.begun = true;
    this.known = now;
    this.parts.follow([...now.values()]);
    const usual = settled ? (defined === null ? blindMs : seeingMs) : doubted;
    // All agents know of a change in the same moment.
    return usual * (0.5 + this.parts.random());
  }

  private isMissingForLong(name: string, stop: AbortSignal): boolean {
    const known = this.missing.get(name);
    if (known !== undefined) return known.ripe;
    const doubt = { ripe: false };
    this.missing.set(name, doubt);
    void this.ripen(doubt, stop);
    return false;
  }

  private async ripen(doubt: { ripe: boolean }, stop: AbortSignal): Promise<void> {
    await this.parts.clock.sleep(doubtMs, stop);
    doubt.ripe = true;
    this.look();
  }

  private async rest(wait: number, stop: AbortSignal): Promise<void> {
    const awake = new AbortController();
    this.ring = () => awake.abort();
    // Whatever rings may ring often: the server is not asked more than once in a while.
    const least = Math.min(wait, 100 + this.parts.random() * 400);
    await this.parts.clock.sleep(least, stop);
    if (!this.rung) await this.parts.clock.sleep(wait - least, AbortSignal.any([stop, awake.signal]));
    this.ring = () => {};
  }
}
