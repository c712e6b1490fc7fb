import { Worker } from "node:worker_threads";
import type { Progress, Work } from "./worker.ts";

/** What a run found. */
export interface Outcome {
  readonly cases: number;
  readonly failures: readonly Failure[];
  /** Of the slowest case, milliseconds. */
  readonly slowest: { readonly index: number; readonly ms: number };
}

export interface Failure {
  readonly index: number;
  readonly problem: string;
}

/** No file of the suite takes a second on an idle machine. */
const hangMs = 30_000;
/** What reading any one file may take; more ends the worker. */
const heapMegabytes = 1024;

type Stop = { readonly kind: "done" } | { readonly kind: "failed"; readonly failure: Failure };

function runFrom(work: Work, note: (index: number, ms: number, problems: readonly string[]) => void): Promise<Stop> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes },
    });
    let index = work.from;
    let started = performance.now();
    const stop = (result: Stop): void => {
      clearTimeout(watchdog);
      void worker.terminate().then(() => resolve(result));
    };
    const fail = (problem: string): void => stop({ kind: "failed", failure: { index, problem } });
    const watchdog = setTimeout(() => fail(`no answer for ${hangMs} ms`), hangMs);
    worker.on("message", (progress: Progress) => {
      watchdog.refresh();
      if (progress.problems !== null) note(progress.index, performance.now() - started, progress.problems);
      index = progress.index;
      started = performance.now();
      if (progress.problems !== null && index === work.to - 1) stop({ kind: "done" });
    });
    worker.on("error", (error) => fail(`crashed: ${error instanceof Error ? error.message : String(error)}`));
  });
}

/**
 * Reads `count` mutated manifests in a worker whose memory is bounded and whose silence is noticed: a case that hangs or
 * eats memory is a failure like one that throws, and the others go on.
 */
export async function readMutants(seed: number, count: number): Promise<Outcome> {
  const failures: Failure[] = [];
  let slowest = { index: 0, ms: 0 };
  let next = 0;
  while (next < count) {
    const stop = await runFrom({ seed, from: next, to: count }, (index, ms, problems) => {
      if (ms > slowest.ms) slowest = { index, ms };
      for (const problem of problems) failures.push({ index, problem });
    });
    if (stop.kind === "done") break;
    failures.push(stop.failure);
    next = stop.failure.index + 1;
  }
  return { cases: count, failures, slowest };
}
