import type { ApiClient, ApiResponse } from "./client.ts";
import type { SourceClock } from "./pace.ts";
import type { Refusal } from "./refusal.ts";
import { readRefusal } from "./refusal.ts";
import { guarded } from "./time-limit.ts";

/** An answer that is waited for, and on which nothing comes for so long, has stalled. */
const stallMs = 60_000;

/** What is asked about one resource, and how much came of it. */
export class Exchange {
  private readonly client: ApiClient;
  private readonly clock: SourceClock;
  readonly counts = { bytes: 0, readSeconds: 0 };
  lastHeard: number | null = null;

  constructor(client: ApiClient, clock: SourceClock) {
    this.client = client;
    this.clock = clock;
  }

  request(path: string, accept: string, signal: AbortSignal): Promise<ApiResponse> {
    return this.client.request({ method: "GET", path, accept }, signal);
  }

  /** Takes the bytes of an answer until they end, or `feed` says that it is enough. */
  async receive(
    response: ApiResponse,
    signal: AbortSignal,
    feed: (chunk: Uint8Array) => boolean | void,
  ): Promise<void> {
    try {
      for await (const chunk of response.body) {
        // Whoever stopped us may have given the store to another.
        signal.throwIfAborted();
        this.counts.bytes += chunk.byteLength;
        this.lastHeard = this.clock.now();
        const began = performance.now();
        const enough = feed(chunk);
        this.counts.readSeconds += (performance.now() - began) / 1000;
        if (enough === true) return;
      }
    } finally {
      response.discard();
    }
  }

  /** Asks for something only to see whether it is refused; null: it is not. */
  ask(path: string, accept: string, stop: AbortSignal): Promise<Refusal | null> {
    const guard = async (signal: AbortSignal, breakOff: (reason: string) => void): Promise<void> => {
      await this.clock.sleep(stallMs, signal);
      breakOff("the answer has stalled");
    };
    return guarded(stop, guard, async (signal) => {
      const response = await this.request(path, accept, signal);
      if (response.status !== 200) return readRefusal(response);
      response.discard();
      return null;
    });
  }

  /** Returns when it is done; breaks off where nothing comes. */
  async untilStalled(signal: AbortSignal, breakOff: (reason: string) => void, isDone: () => boolean): Promise<void> {
    for (let last = -1; !signal.aborted && !isDone();) {
      if (this.counts.bytes === last) breakOff("the list has stalled");
      last = this.counts.bytes;
      await this.clock.sleep(stallMs, signal);
    }
  }
}
