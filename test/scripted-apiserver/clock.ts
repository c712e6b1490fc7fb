import { setImmediate as nextTurn } from "node:timers/promises";
import type { SourceClock } from "../../src/source/apiserver/pace.ts";

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** Time that passes only when a test says so. */
export class ScriptedClock implements SourceClock {
  #now = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { due: this.#now + milliseconds, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  /** Lets so much time pass: whoever is due goes on, and does what it can before more time passes. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await this.rest();
      const next = Math.min(...[...this.#sleepers].map((one) => one.due));
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      for (const one of this.#sleepers) if (one.due <= this.#now) one.wake();
    }
    this.#now = end;
  }

  /** Lets everything happen that needs no time. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await nextTurn();
  }
}
