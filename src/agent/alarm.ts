import type { Clock } from "../system/clock.ts";

export interface Alarm {
  /** Ends the wait that runs, or else the next one. */
  ring(): void;
  /** Returns after so many milliseconds, or as soon as it rings. */
  wait(milliseconds: number): Promise<void>;
}

/** How a loop sleeps until there is work or time is over. A ring between two waits is not lost. */
export function createAlarm(clock: Clock): Alarm {
  let rung = false;
  let wake = () => {};
  return {
    ring: () => {
      rung = true;
      wake();
    },
    wait: async (milliseconds) => {
      const over = new AbortController();
      const ring = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (!rung) {
        await (milliseconds === Infinity ? ring : Promise.race([ring, clock.sleep(milliseconds, over.signal)]));
      }
      rung = false;
      over.abort();
    },
  };
}
