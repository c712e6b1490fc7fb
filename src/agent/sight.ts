import type { Log } from "../observe/log.ts";
import type { Source, SourceHealth } from "../source/source.ts";
import type { Clock } from "../system/clock.ts";

/** How well the source that is followed can be seen, now and for how long. */
export interface Sight {
  /** This source is being read; it is not in sight before all of it was. */
  seek(source: Source): void;
  /** All of it was read, and it is being followed. */
  gain(): void;
  /** It cannot be followed any more. */
  lose(reason: string): void;
  /** True while every change would be seen. */
  connected(): boolean;
  /** Why changes are not seen, and since when; null: they are, or it is too early to say that they are not. */
  degraded(): string | null;
  /** What the source itself says; null: nothing, or there is none now. */
  health(): SourceHealth | null;
  /** Tells the log of outages, until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
}

export interface SightParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** What the operator should look at while it cannot be seen. */
  readonly sourceRemedy?: string;
}

/** A watch that breaks and is back within this time is everyday life of an API server. */
const grace = 5000;
/** While an outage lasts, it is told again after each such time. */
const reminder = 600_000;
const look = 1000;

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;

/** Whether somebody is in sight, from the source that is followed and what it says of itself. */
function createView() {
  let source: Source | null = null;
  let lost: string | null = "it was not read yet";
  /** Something went wrong since all was last in sight. */
  let failed = false;
  return {
    seek: (sought: Source) => {
      source = sought;
    },
    gain: () => {
      lost = null;
      failed = false;
    },
    lose: (reason: string) => {
      source = null;
      lost = reason;
      failed = true;
    },
    health: () => source?.health?.() ?? null,
    /** True while all there is to say is that the first reading takes its time. */
    isBeingRead: (): boolean => {
      const resources = source?.health?.()?.resources ?? [];
      return lost !== null && !failed && resources.every(({ failures }) => failures === 0);
    },
    /** Null: in sight. */
    trouble: (): string | null => {
      const health = source?.health?.();
      if (health === undefined || health.connected) return lost;
      return health.reason ?? lost ?? "the connection is broken";
    },
  };
}

export function createSight(parts: SightParts): Sight {
  const { clock, log, random } = parts;
  const view = createView();
  let troubledSince: number | null = null;
  let toldAt: number | null = null;
  /** Each agent waits for another time, so that those of a cluster do not write their lines together. */
  let patience = grace;
  let latest = "";

  const note = (): number => {
    const reason = view.trouble();
    const now = clock.now();
    if (reason === null) {
      troubledSince = null;
      return 0;
    }
    latest = reason;
    // The wall clock, which goes on while the machine sleeps; where it is set back, the outage begins anew.
    if (troubledSince === null || troubledSince > now) troubledSince = now;
    return now - troubledSince;
  };
  let outageBegan = 0;
  const lastHeard = (): string | undefined => {
    const heard = view.health()?.lastHeard ?? null;
    return heard === null ? undefined : new Date(heard).toISOString();
  };
  let toldOfReading = false;
  const tellReading = (lasted: number) => {
    if (toldOfReading || lasted < patience) return;
    log.info("the source is still being read for the first time: what is in force stays in force", { state: latest });
    toldOfReading = true;
  };
  const tell = (lasted: number) => {
    const now = clock.now();
    if (troubledSince !== null && toldAt === null && view.isBeingRead()) return tellReading(lasted);
    if (troubledSince === null) {
      if (toldAt !== null) log.info("the source is followed again", { outage: seconds(now - outageBegan) });
      toldAt = null;
      patience = grace * (1 + random());
      return;
    }
    const due = toldAt === null ? lasted >= patience : now - toldAt >= patience || now < toldAt;
    if (!due) return;
    log.error("the source is out of sight: what is in force stays in force, changes are not seen", {
      error: latest,
      since: new Date(troubledSince).toISOString(),
      last_heard: lastHeard(),
      do: parts.sourceRemedy ?? "see what the error says; it is tried again by itself",
    });
    outageBegan = troubledSince;
    toldAt = now;
    patience = reminder * (1 + random() / 5);
  };

  return {
    seek: view.seek,
    gain: view.gain,
    lose: view.lose,
    connected: () => view.trouble() === null,
    health: view.health,
    degraded: () => {
      const lasted = note();
      if (troubledSince === null || lasted < grace) return null;
      const since = new Date(troubledSince).toISOString();
      return `changes are not seen since ${since}: ${latest}; what is in force stays in force`;
    },
    watch: async (signal) => {
      patience = grace * (1 + random());
      while (!signal.aborted) {
        tell(note());
        await clock.sleep(look, signal);
      }
    },
  };
}
