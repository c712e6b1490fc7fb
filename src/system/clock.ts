/** Time as the daemon sees it; tests set it. */
export interface Clock {
  /** Milliseconds of the wall clock; it may jump. Use `performance.now()` to measure how long something took. */
  now(): number;
  /** Returns after so many milliseconds of running time, or when the signal aborts, whichever comes first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal?.addEventListener("abort", wake, { once: true });
    }),
};
