import { retryDelay } from "./retry.ts";

/** When the kernel may be tried again, and when it is to be compared with what should be in it. */
export interface Schedule {
  /** Milliseconds from now until the next attempt may be made; 0: at once. */
  retryIn(): number;
  /** Milliseconds from now until the next check; 0: at once. */
  checkIn(): number;
  /** Notes a failure; gives the milliseconds until the next attempt. */
  failed(): number;
  /** Notes a success; gives the number of failures that it ends. */
  succeeded(): number;
  /** A check soon; requests during a check, and any number of them before one, are one. */
  requestCheck(): void;
  /** A check or a full sync begins: it answers all requests made so far. */
  checkBegins(): void;
  checkEnds(): void;
}

export interface ScheduleOptions {
  /** Milliseconds of a clock that may jump, either way. */
  readonly now: () => number;
  readonly random: () => number;
  /** Milliseconds between checks. */
  readonly syncPeriod: number;
}

/**
 * Checks that somebody else's changes ask for take at most about a third of the time, however many changes there
 * are: the pause after one is twice as long as it took, at most a second.
 */
const pauseAfter = (duration: number): number => Math.min(1000, 2 * duration);

export function createSchedule(options: ScheduleOptions): Schedule {
  const { now, random, syncPeriod } = options;
  let failures = 0;
  let retryAt = now();
  let retryLength = 0;
  let checkAt = now() + syncPeriod;
  let began = now();
  let pauseUntil = now();
  let requested = false;
  // The wall clock is the one that goes on while a machine sleeps; when it is set back, nothing may be put off for
  // longer than was agreed.
  const until = (deadline: number, longest: number): number => Math.max(0, Math.min(deadline - now(), longest));
  return {
    retryIn: () => {
      const wait = until(retryAt, retryLength);
      retryAt = now() + wait;
      // Somebody took away what was in force: that is more urgent than sparing a kernel that refuses.
      return requested ? Math.min(wait, until(pauseUntil, 1000)) : wait;
    },
    checkIn: () => {
      const periodic = until(checkAt, syncPeriod);
      checkAt = now() + periodic;
      return requested ? Math.min(periodic, until(pauseUntil, 1000)) : periodic;
    },
    failed: () => {
      failures += 1;
      retryLength = retryDelay(failures, random);
      retryAt = now() + retryLength;
      return retryLength;
    },
    succeeded: () => {
      const ended = failures;
      failures = 0;
      retryAt = now();
      retryLength = 0;
      return ended;
    },
    requestCheck: () => {
      requested = true;
    },
    checkBegins: () => {
      requested = false;
      began = now();
    },
    checkEnds: () => {
      pauseUntil = now() + pauseAfter(Math.max(0, now() - began));
      checkAt = now() + syncPeriod;
    },
  };
}
