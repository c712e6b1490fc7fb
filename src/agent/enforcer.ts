import { setImmediate as nextTurn } from "node:timers/promises";
import type { Compiler } from "../compile/incremental.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { RulesetChange } from "../ir/change.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { Log } from "../observe/log.ts";
import type { Finding, Snapshot, Update } from "../source/source.ts";
import type { Clock } from "../system/clock.ts";
import { createAlarm } from "./alarm.ts";
import { type News, createDesired } from "./desired.ts";
import type { Arrival } from "./inbox.ts";
import { createKernel } from "./kernel.ts";
import type { Learned } from "./learned.ts";
import { type Ledger, createLedger } from "./ledger.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NameLearning } from "./names/learning.ts";
import { createSchedule } from "./schedule.ts";
import { type Standing, standingOf } from "./standing.ts";

export interface EnforcerParts {
  readonly createCompiler: () => Compiler;
  /** What the compilers learned beside the node's ranges; absent: they do not. */
  readonly learned?: Learned;
  readonly dataplane: Dataplane;
  readonly clock: Clock;
  /** [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  /** Milliseconds between checks of the kernel. */
  readonly syncPeriod: number;
  readonly audit: boolean;
  /** How far the source has got, by resource; absent: it does not count. */
  readonly resourceVersions?: () => ReadonlyMap<string, string>;
  /** Follows what is in the kernel; absent: no names are learned. */
  readonly names?: Pick<NameLearning, "enforced"> | undefined;
}

/** Keeps the kernel at what the source says: one operation at a time, the next one from all that came meanwhile. */
export interface Enforcer {
  /** A fresh start from a whole snapshot. `broken` is called if compiling it, or what follows it, fails: a defect. */
  load(snapshot: Snapshot, broken: () => void): void;
  update(update: Update): void;
  /** Compares the kernel with what should be in it, soon. */
  requestCheck(): void;
  /**
   * Does nothing more to the kernel; what is there stays. The agent is then not ready, for this reason; null: it
   * stands as it did.
   */
  pause(reason: string | null): void;
  /** Brings the kernel to what is wanted by now, and goes on. */
  resume(): void;
  /** Works until the signal aborts; then ends after the operation that runs. */
  run(signal: AbortSignal): Promise<void>;
  standing(): Standing;
  /** What should be in the kernel; null: not known. */
  ruleset(): Ruleset | null;
  /** How many objects count, by kind. */
  counts(): Readonly<Record<string, number>>;
  /** `namespace/name` of the live pod that holds the address, on whatever node. */
  podAt(address: Address): string | null;
  /** What is wrong with the input that was compiled last. */
  findings(): readonly Finding[];
  /** Which versions of the policies the kernel has. */
  readonly ledger: Pick<Ledger, "size" | "entries" | "entry" | "inForce">;
  /** Policies that the dataplane refuses since they ask for what it cannot do, each with the reason. */
  unsupported(): ReadonlyMap<string, string>;
  /** Differences that somebody else made in the kernel and that were repaired, so far. */
  repairs(): number;
  /** Seconds since the oldest change happened that is not in the kernel yet; 0: all are. */
  lag(): number;
  /** Uses the dataplane between two operations. */
  exclusive<T>(use: () => Promise<T>): Promise<T>;
  /** Milliseconds that the running operation has taken so far; 0: none runs. */
  busyFor(): number;
}

/** An age that two clocks disagree about too much says nothing. */
const oldestAge = 3_600_000;

function arrivalOf(update: Update, now: number): Arrival {
  const age = update.stampedAt === undefined ? null : now - update.stampedAt;
  return { at: performance.now(), age: age !== null && age >= 0 && age <= oldestAge ? age : null };
}

export function createEnforcer(parts: EnforcerParts): Enforcer {
  const { clock, log, metrics } = parts;
  const now = () => clock.now();
  const schedule = createSchedule({ now, random: parts.random, syncPeriod: parts.syncPeriod });
  const desired = createDesired({ ...parts, countFindings: (count) => metrics.findings.set(count) });
  const alarm = createAlarm(clock);
  const requestCheck = () => {
    schedule.requestCheck();
    alarm.ring();
  };
  const onForeignChange = () => {
    log.debug("somebody else changed our part of the kernel");
    requestCheck();
  };
  const kernel = createKernel({ ...parts, schedule, onForeignChange });
  let broken = () => {};
  /** True while the kernel may hold something else than what was compiled before the latest news. */
  let behind = true;
  let enforced: string | null = null;
  let defect = false;
  let stopping = false;
  let paused: { readonly reason: string | null } | null = null;

  const ledger = createLedger({ now, resourceVersions: parts.resourceVersions ?? (() => new Map()) });

  const settle = () => {
    enforced = desired.digest();
    ledger.settled(enforced);
    const at = performance.now();
    for (const arrival of desired.takeArrivals()) {
      metrics.latency.observe((at - arrival.at) / 1000);
      if (arrival.age !== null) metrics.apiLatency.observe((at - arrival.at + arrival.age) / 1000);
    }
  };

  const compile = (): News => {
    const began = performance.now();
    const waited = desired.oldest();
    try {
      const news = desired.compile();
      ledger.compiled();
      if (news.kind !== "nothing") {
        metrics.steps.observe("compile", (performance.now() - began) / 1000);
        if (waited !== null) metrics.steps.observe("queue", (began - waited.at) / 1000);
      }
      if (news.kind === "whole") behind = true;
      defect &&= news.kind !== "whole";
      return news;
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      log.error("a defect in Portcullis: the rules that are in the kernel stay in force, changes are not enforced", {
        error: error instanceof Error ? error.message : String(error),
        detail: cause instanceof Error ? cause.stack : String(cause),
        do: "report this with the objects named; the source is read from the start again by itself",
      });
      defect = true;
      broken();
      return { kind: "nothing" };
    }
  };

  /** Does one thing that is due; gives the milliseconds until something can be due again. */
  const turn = async (): Promise<number> => {
    const news = compile();
    const wanted = desired.enforceable();
    if (news.kind === "change" && wanted === null) behind = true;
    if (wanted === null) return Infinity;
    if (paused !== null) {
      behind = true;
      return Infinity;
    }
    const wait = schedule.retryIn();
    if (behind && wait > 0) return wait;
    let applied: RulesetChange | null = null;
    if (behind) behind = !(await kernel.sync(wanted));
    else if (news.kind === "change") {
      applied = news.change;
      behind = !(await kernel.apply(applied, news.objects));
    } else {
      settle();
      const due = schedule.checkIn();
      if (due > 0) return Math.min(due, desired.forgetsIn());
      behind = !(await kernel.check());
    }
    if (behind) return 0;
    settle();
    parts.names?.enforced(wanted, applied);
    return 0;
  };

  return {
    load: (snapshot, onBroken) => {
      broken = onBroken;
      ledger.restart(snapshot.cluster);
      desired.load(snapshot, { at: performance.now(), age: null });
      alarm.ring();
    },
    update: (update) => {
      ledger.note(update.changes);
      desired.update(update, arrivalOf(update, now()));
      alarm.ring();
    },
    requestCheck,
    pause: (reason) => {
      paused = { reason };
      if (reason === null) return;
      enforced = null;
      ledger.emptied();
    },
    resume: () => {
      paused = null;
      alarm.ring();
    },
    run: async (signal) => {
      const stop = () => {
        stopping = true;
        alarm.ring();
      };
      signal.addEventListener("abort", stop, { once: true });
      while (!signal.aborted) {
        const idle = await turn();
        if (idle > 0 && !signal.aborted) await alarm.wait(idle);
        // One turn of the event loop: what a burst brings at once becomes one transaction, not one each.
        await nextTurn();
      }
      kernel.unwatch();
    },
    standing: () =>
      standingOf({
        known: desired.digest() !== null,
        complete: desired.complete(),
        findings: desired.findings(),
        enforced,
        failure: defect ? "a defect in Portcullis (see the log)" : kernel.failure(),
        stopping,
        paused: paused?.reason ?? null,
      }),
    ruleset: () => desired.ruleset(),
    counts: () => desired.counts(),
    podAt: (address) => desired.podAt(address),
    findings: () => desired.findings(),
    unsupported: () => kernel.unsupported(),
    repairs: () => kernel.repairs(),
    ledger,
    lag: () => {
      const oldest = desired.oldest();
      return oldest === null ? 0 : (performance.now() - oldest.at + (oldest.age ?? 0)) / 1000;
    },
    exclusive: (use) => kernel.exclusive(use),
    busyFor: () => kernel.busyFor(),
  };
}
