import { parentPort, workerData } from "node:worker_threads";
import { examine } from "./examine.ts";
import { mutant } from "./mutate.ts";
import { randomFrom } from "./random.ts";

/** What the worker is given: cases `from` to below `to` of a seed. */
export interface Work {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/** Told before a case (problems null) and after it. */
export interface Progress {
  readonly index: number;
  readonly problems: readonly string[] | null;
}

/** Each case has its own seed, so that one can be repeated alone. */
export function caseOf(seed: number, index: number): ReturnType<typeof mutant> {
  return mutant(randomFrom(Math.imul(seed, 1_000_003) + index));
}

function tell(progress: Progress): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(progress);
}

async function work({ seed, from, to }: Work): Promise<void> {
  for (let index = from; index < to; index++) {
    tell({ index, problems: null });
    const problems = await examine(caseOf(seed, index));
    tell({ index, problems });
  }
}

if (parentPort !== null) await work(workerData as Work);
