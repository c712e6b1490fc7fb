import type { LearnedName, NameSets } from "../../dataplane/dataplane.ts";
import type { LearnedAddress } from "../../names/learner.ts";
import type { Log } from "../../observe/log.ts";
import type { Clock } from "../../system/clock.ts";
import type { ToThread } from "./messages.ts";

/** What learning does to the kernel: nothing of it ever fails, or holds a DNS answer for longer than it takes. */
export interface NameKernel {
  /** Brings a batch into the kernel and says so. */
  learn(number: number, entries: readonly LearnedAddress[]): void;
  /** What the kernel holds is told to a thread that has just started; what ended while nobody looked is decided anew. */
  begin(): void;
  /** The same, while it works: it puts back what has gone. */
  compare(): void;
  /** The grace of some addresses is over. */
  decideAnew(): void;
  /** Addresses that the kernel refused. */
  refused(): number;
}

export interface NameKernelParts {
  readonly names: NameSets;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly send: (message: ToThread) => void;
}

/**
 * Milliseconds between two decisions, and two tries of one that must be made at last. Names whose addresses change all
 * the time would have all connections of the node decided again four times a second else.
 */
const decisionsApart = 1000;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createNameKernel({ names, clock, log, signal, send }: NameKernelParts): NameKernel {
  let refused = 0;
  let isRefusing = false;
  let deciding = false;
  let again = false;

  const tellRefused = (error: unknown, entries: readonly LearnedName[]): void => {
    refused += entries.length;
    if (isRefusing) return;
    isRefusing = true;
    log.error("the kernel does not take addresses of names: DNS goes on, connections to them may be denied", {
      error: textOf(error),
      detail: error instanceof Error && "detail" in error ? String(error.detail) : undefined,
      addresses: entries.length,
      next_try: "with the next answer that has them",
    });
  };

  const learn = async (number: number, entries: readonly LearnedName[]): Promise<void> => {
    let taken = true;
    try {
      await names.learn(entries);
      isRefusing = false;
    } catch (error) {
      taken = false;
      tellRefused(error, entries);
    }
    send({ kind: "completed", number, taken });
  };

  const adopt = async (): Promise<void> => {
    try {
      send({ kind: "adopt", entries: await names.held() });
    } catch (error) {
      // The next synchronisation or check looks again.
      log.debug("what the kernel holds of names cannot be read", { error: textOf(error) });
    }
  };

  const decide = async (): Promise<void> => {
    deciding = true;
    for (again = true; again && !signal.aborted;) {
      again = false;
      try {
        await names.decideAnew();
      } catch (error) {
        log.debug("open connections cannot be decided again yet", { error: textOf(error) });
        again = true;
      }
      await clock.sleep(decisionsApart, signal);
    }
    deciding = false;
  };
  const decideAnew = (): void => {
    if (deciding) again = true;
    else void decide();
  };

  let tail: Promise<void> = Promise.resolve();
  return {
    // In the order of the numbers, whatever the dataplane's promises do.
    learn: (number, entries) => {
      tail = tail.then(() => learn(number, entries));
    },
    begin: () => {
      void adopt();
      decideAnew();
    },
    compare: () => void adopt(),
    decideAnew,
    refused: () => refused,
  };
}
