/** How time passes for whoever waits. `now` is the wall clock, and may jump: only ever told, never reckoned with. */
export interface SourceClock {
  now(): number;
  /** Returns after so many milliseconds of running time, or when the signal aborts, whichever comes first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const firstBound = 1000;
const lastBound = 30_000;
/** A server that asks for more patience than this is asked again all the same. */
const mostPatience = 120_000;

/**
 * How long to wait after the n-th failure in a row: anything up to a bound that doubles. Wholly random, from the first
 * failure on, since what fails for one agent fails for all 5,000 in the same moment: after an outage they come back
 * spread over the bound, which by then is 30 s.
 */
export function backOff(failures: number, random: () => number): number {
  return random() * Math.min(lastBound, firstBound * 2 ** Math.min(failures - 1, 10));
}

/** The same, where the server said how long it wants to be left alone: never before that, and not all at once. */
export function backOffAfter(wanted: number, failures: number, random: () => number): number {
  const floor = Math.min(wanted, mostPatience);
  return floor + Math.max(random() * floor, backOff(failures, random));
}

/** For how long a watch is asked for, in seconds: 5 to 10 minutes, so that they do not all end together. */
export function watchSeconds(random: () => number): number {
  return 300 + Math.floor(random() * 300);
}
