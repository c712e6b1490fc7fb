import { type ApplyReport, type Dataplane, type SyncReport, UnsupportedError } from "../dataplane/dataplane.ts";
import type { RulesetChange } from "../ir/change.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import type { Log } from "../observe/log.ts";
import { type Operation, describeFailure, effectOf } from "./failures.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { Schedule } from "./schedule.ts";

/** The dataplane as the loop uses it: one operation at a time, counted, and no failure leaves it. */
export interface Kernel {
  /** True if the kernel took it. */
  sync(wanted: Ruleset): Promise<boolean>;
  apply(change: RulesetChange, objects: readonly string[]): Promise<boolean>;
  check(): Promise<boolean>;
  /** What the kernel last refused; null: nothing since. */
  failure(): string | null;
  /** Policies that it last refused since they ask for what it cannot do, each with the reason. */
  unsupported(): ReadonlyMap<string, string>;
  /** Differences that somebody else made and a check repaired, so far. */
  repairs(): number;
  /** Milliseconds that the running operation has taken so far; 0: none runs. */
  busyFor(): number;
  /** Uses the dataplane between two operations. */
  exclusive<T>(use: () => Promise<T>): Promise<T>;
  /** Ends watching for what others change. */
  unwatch(): void;
}

export interface KernelParts {
  readonly dataplane: Dataplane;
  readonly schedule: Schedule;
  readonly log: Log;
  readonly metrics: AgentMetrics;
  /** Called when somebody else changed our part of the kernel. */
  readonly onForeignChange: () => void;
}

const tenths = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

/** Lets one at a time through, in the order of asking. */
function createTurnstile() {
  let tail: Promise<unknown> = Promise.resolve();
  return <T>(use: () => Promise<T>): Promise<T> => {
    const result = tail.then(use);
    tail = result.catch(() => {});
    return result;
  };
}

/** Runs one operation; a failure is logged, counted and gives null. */
function createAttempts(parts: KernelParts) {
  const { dataplane, schedule, log, metrics } = parts;
  const exclusive = createTurnstile();
  let failure: string | null = null;
  let unsupported: ReadonlyMap<string, string> = new Map();
  let busySince: number | null = null;
  const fail = (operation: Operation, error: unknown, objects: readonly string[] | undefined) => {
    const { error: what, detail, remedy } = describeFailure(error);
    failure = what;
    if (error instanceof UnsupportedError) unsupported = new Map(error.policies.map((policy) => [policy, what]));
    metrics.failures.add(operation);
    log.error(`the kernel refused (${operation}): ${effectOf(operation)}`, {
      error: what,
      detail,
      dataplane: dataplane.name,
      objects,
      next_try: `in ${Math.round(schedule.failed())} ms, with a full synchronisation`,
      do: remedy,
    });
  };
  const attempt = async <T extends ApplyReport>(
    operation: Operation,
    run: () => Promise<T>,
    objects?: readonly string[],
  ): Promise<T | null> => {
    metrics.operations.add(operation);
    busySince = performance.now();
    try {
      const report = await exclusive(run);
      if (operation !== "probe") metrics.steps.observe(operation, report.milliseconds / 1000);
      failure = null;
      unsupported = new Map();
      const ended = schedule.succeeded();
      if (ended > 0) log.info(`the kernel takes changes again, after ${ended} failures`, { operation });
      metrics.transactions.add({}, report.transactions);
      return report;
    } catch (error) {
      fail(operation, error, objects);
      return null;
    } finally {
      busySince = null;
    }
  };
  return {
    attempt,
    exclusive,
    failure: () => failure,
    unsupported: () => unsupported,
    busyFor: () => (busySince === null ? 0 : Math.max(0, performance.now() - busySince)),
  };
}

export function createKernel(parts: KernelParts): Kernel {
  const { dataplane, schedule, log, metrics } = parts;
  const { attempt, ...attempts } = createAttempts(parts);
  let unwatch: (() => void) | null = null;
  let repairs = 0;
  const comparing = async (operation: Operation, run: () => Promise<SyncReport>): Promise<SyncReport | null> => {
    schedule.checkBegins();
    const report = await attempt(operation, run);
    schedule.checkEnds();
    return report;
  };
  return {
    sync: async (wanted) => {
      const report = await comparing("sync", () => {
        // Before the first transaction, so that nothing is missed; again if it could not be begun the last time.
        unwatch ??= dataplane.watch(parts.onForeignChange);
        return dataplane.sync(wanted);
      });
      if (report === null) return false;
      log.info("the rules in the kernel are what the source says", {
        endpoints: wanted.endpoints.size,
        chains: wanted.chains.size,
        groups: wanted.groups.size,
        differences: report.differences.length,
        ms: tenths(report.milliseconds),
      });
      log.debug("synchronised", { differences: report.differences });
      return true;
    },
    apply: async (change, objects) => {
      const report = await attempt("apply", () => dataplane.apply(change), objects);
      if (report === null) return false;
      const { transactions, milliseconds } = report;
      log.debug("applied", { objects, transactions, ms: Math.round(milliseconds * 1000) / 1000 });
      return true;
    },
    check: async () => {
      const report = await comparing("check", () => dataplane.check());
      if (report === null) return false;
      metrics.repairs.add({}, report.differences.length);
      repairs += report.differences.length;
      if (report.differences.length === 0) return true;
      log.warn("somebody else changed our rules in the kernel: repaired, and open connections are decided again", {
        found: report.differences,
        ms: tenths(report.milliseconds),
        do: "find out who: another agent on this node, a firewall that flushes all rules, a person with nft",
      });
      return true;
    },
    ...attempts,
    repairs: () => repairs,
    unwatch: () => unwatch?.(),
  };
}
