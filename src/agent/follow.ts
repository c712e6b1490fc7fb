import type { Log } from "../observe/log.ts";
import type { Source } from "../source/source.ts";
import type { Clock } from "../system/clock.ts";
import type { Enforcer } from "./enforcer.ts";
import type { AgentMetrics } from "./metrics.ts";
import { retryDelay } from "./retry.ts";
import type { Sight } from "./sight.ts";

export interface FollowParts {
  readonly openSource: () => Source;
  /** What the operator should look at when it cannot be followed. */
  readonly sourceRemedy?: string;
  readonly enforcer: Pick<Enforcer, "load" | "update">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  readonly sight: Pick<Sight, "seek" | "gain" | "lose">;
}

/** A source that was followed for this long counts as one that works: the next failure is a first one again. */
const goodWhile = 60_000;

const readSecondsOf = (source: Source): number =>
  (source.health?.().resources ?? []).reduce((sum, { readSeconds = 0 }) => sum + readSeconds, 0);

/** On its own: in a variable of who goes on following, the snapshot would live as long, all pods a second time. */
async function loadFirst(
  source: Source,
  { enforcer, sight }: FollowParts,
  signal: AbortSignal,
  broken: () => void,
): Promise<void> {
  const snapshot = await source.snapshot(signal);
  sight.gain();
  enforcer.load(snapshot, broken);
}

/** Follows one source until it ends, fails, or what it says cannot be compiled. */
async function followOnce(parts: FollowParts, stop: AbortSignal): Promise<void> {
  const { openSource, enforcer, sight, metrics } = parts;
  const source = openSource();
  sight.seek(source);
  const session = new AbortController();
  const signal = AbortSignal.any([stop, session.signal]);
  try {
    const broken = () => session.abort(new Error("what it said could not be compiled"));
    await loadFirst(source, parts, signal, broken);
    let read = readSecondsOf(source);
    if (read > 0) metrics.steps.observe("decode", read);
    for await (const update of source.changes(signal)) {
      enforcer.update(update);
      const now = readSecondsOf(source);
      if (now > read) metrics.steps.observe("decode", now - read);
      read = now;
    }
    session.signal.throwIfAborted();
  } finally {
    session.abort();
  }
}

/** Hands the source's snapshot and updates to the enforcer until the signal aborts; starts over when it fails. */
export async function followSource(parts: FollowParts, stop: AbortSignal): Promise<void> {
  const { clock, log } = parts;
  let failures = 0;
  while (!stop.aborted) {
    const started = performance.now();
    let reason: string;
    try {
      await followOnce(parts, stop);
      reason = "it ended";
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    if (stop.aborted) return;
    parts.sight.lose(reason);
    parts.metrics.sourceFailures.add();
    failures = performance.now() - started > goodWhile ? 1 : failures + 1;
    const wait = retryDelay(failures, parts.random);
    log.error("the source cannot be followed: what is in force stays in force, changes are not seen", {
      error: reason,
      next_try: `in ${Math.round(wait)} ms, from the start`,
      do: parts.sourceRemedy ?? "correct what the error says; it is tried again by itself",
    });
    await clock.sleep(wait, stop);
  }
}
