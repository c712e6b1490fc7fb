import type { CountedVerdict, Dataplane, PolicyCounter } from "../dataplane/dataplane.ts";
import type { Clock } from "../system/clock.ts";
import type { Enforcer } from "./enforcer.ts";

/** Whose policies decided; `none`: no pod's, the address is unknown or the connection is not tracked. */
export type CountedDirection = "ingress" | "egress" | "none";
export const countedDirections: readonly CountedDirection[] = ["ingress", "egress", "none"];

/** Packets that were denied in some time. */
export type Denied = Readonly<Record<CountedDirection, number>>;

/** What the kernel counted, read now and then. */
export interface KernelCounters {
  /** As they were read last. */
  latest(): readonly PolicyCounter[];
  /** Packets since the agent knows them; a counter that goes away takes nothing back. */
  total(verdict: CountedVerdict, direction: CountedDirection): bigint;
  /** Reads them anew, if the last time is long enough ago, and waits a little for it. */
  refresh(): Promise<void>;
  /** Denied in the last so many milliseconds; less, where the agent has not run for so long. */
  deniedIn(milliseconds: number): Denied;
  /** Takes samples until the signal aborts. */
  sample(signal: AbortSignal): Promise<void>;
}

export interface CounterParts {
  readonly enforcer: Pick<Enforcer, "exclusive">;
  readonly dataplane: Pick<Dataplane, "counters">;
  readonly clock: Clock;
}

/** Counters of the kernel are read at most this often, however often somebody asks. */
const counterAge = 1000;
/** How long an answer waits for the kernel's counters before it gives the last ones. */
const counterPatience = 2000;
/** The longest time that is asked for is five minutes. */
const samplePeriod = 15_000;
const mostSamples = 22;

const keyOf = (verdict: CountedVerdict, direction: CountedDirection): string => `${verdict} ${direction}`;

/** Adds up what counters grow by. */
function createTotals() {
  const totals = new Map<string, bigint>();
  let before = new Map<string, bigint>();
  return {
    take: (counters: readonly PolicyCounter[]) => {
      const now = new Map<string, bigint>();
      for (const { name, verdict, direction, packets } of counters) {
        const had = before.get(name) ?? 0n;
        now.set(name, packets);
        // One that is smaller than before was made anew.
        const grown = packets >= had ? packets - had : packets;
        const key = keyOf(verdict, direction ?? "none");
        totals.set(key, (totals.get(key) ?? 0n) + grown);
      }
      before = now;
    },
    of: (verdict: CountedVerdict, direction: CountedDirection) => totals.get(keyOf(verdict, direction)) ?? 0n,
  };
}

interface DeniedSample {
  readonly at: number;
  readonly denied: Denied;
}

export function createKernelCounters({ enforcer, dataplane, clock }: CounterParts): KernelCounters {
  const totals = createTotals();
  const samples: DeniedSample[] = [];
  let latest: readonly PolicyCounter[] = [];
  let readAt = -Infinity;
  let running: Promise<void> | null = null;
  const read = async (): Promise<void> => {
    try {
      latest = await enforcer.exclusive(() => dataplane.counters());
      totals.take(latest);
      readAt = performance.now();
    } catch {
      // The loop meets the same kernel and says what is wrong with it; here the last values stand.
    } finally {
      running = null;
    }
  };
  const refresh = async (): Promise<void> => {
    if (performance.now() - readAt < counterAge) return;
    running ??= read();
    const over = new AbortController();
    await Promise.race([running, clock.sleep(counterPatience, over.signal)]);
    over.abort();
  };
  const deniedNow = (): Denied => ({
    ingress: Number(totals.of("deny", "ingress")),
    egress: Number(totals.of("deny", "egress")),
    none: Number(totals.of("deny", "none")),
  });
  return {
    latest: () => latest,
    total: totals.of,
    refresh,
    deniedIn: (milliseconds) => {
      const since = clock.now() - milliseconds;
      // The newest sample that is old enough, else the oldest.
      const then = samples.findLast(({ at }) => at <= since) ?? samples[0];
      const now = deniedNow();
      if (then === undefined) return { ingress: 0, egress: 0, none: 0 };
      return {
        ingress: now.ingress - then.denied.ingress,
        egress: now.egress - then.denied.egress,
        none: now.none - then.denied.none,
      };
    },
    sample: async (signal) => {
      while (!signal.aborted) {
        await refresh();
        if (readAt !== -Infinity) samples.push({ at: clock.now(), denied: deniedNow() });
        if (samples.length > mostSamples) samples.shift();
        await clock.sleep(samplePeriod, signal);
      }
    },
  };
}
