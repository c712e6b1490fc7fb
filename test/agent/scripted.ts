/** The seams of the agent as values that a test drives: a source, a dataplane that records, a clock that is set. */
import type { Compiler } from "../../src/compile/incremental.ts";
import type { ApplyReport, Dataplane, SyncReport } from "../../src/dataplane/dataplane.ts";
import { DataplaneError } from "../../src/dataplane/dataplane.ts";
import type { RulesetChange } from "../../src/ir/change.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { createLog } from "../../src/observe/log.ts";
import type { Change } from "../../src/policy/cluster.ts";
import type { Policy, PolicyId } from "../../src/policy/policy.ts";
import type { Snapshot, Source, Update } from "../../src/source/source.ts";
import type { Clock } from "../../src/system/clock.ts";

export const snapshotOf = (digest: string, more: Partial<Snapshot> = {}): Snapshot => ({
  cluster: { objects: [], policies: [] },
  findings: [],
  complete: true,
  digest,
  ...more,
});

export const updateOf = (digest: string, changes: readonly Change[], more: Partial<Update> = {}): Update => ({
  changes,
  findings: [],
  complete: true,
  digest,
  ...more,
});

export const policyNamed = (name: string): Policy => ({
  id: `NetworkPolicy/a/${name}` as PolicyId,
  kind: "NetworkPolicy",
  namespace: "a",
  name,
  tier: "networkpolicy",
  priority: 0,
  mode: "enforce",
  subject: { namespaces: { kind: "name", name: "a" }, pods: { requirements: [] } },
  ingress: [],
  egress: null,
});

export const policyChange = (name: string): Change => ({ kind: "policy", policy: policyNamed(name) });

/** A source that says what the test pushes. `fail` ends the stream with an error; the next one starts anew. */
export function scriptedSource(first: () => Snapshot) {
  let queue: (Update | Error)[] = [];
  let wake = () => {};
  let opened = 0;
  const put = (item: Update | Error) => {
    queue.push(item);
    wake();
  };
  async function* changes(signal: AbortSignal): AsyncGenerator<Update> {
    signal.addEventListener("abort", () => wake());
    while (!signal.aborted) {
      const item = queue.shift();
      if (item instanceof Error) throw item;
      if (item !== undefined) yield item;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  const open = (): Source => {
    opened += 1;
    queue = [];
    return { snapshot: () => Promise.resolve(first()), changes };
  };
  return { open, push: (update: Update) => put(update), fail: (error: Error) => put(error), opened: () => opened };
}

export type Call = "sync" | "apply" | "check";

/** A dataplane that keeps what it was asked to do; it can be told to refuse, to take its time, to find differences. */
export function recordingDataplane() {
  const calls: { readonly call: Call; readonly change: RulesetChange | null }[] = [];
  const refusals = new Map<Call, Error[]>();
  const foundNext: string[][] = [];
  let foreign = () => {};
  let gate: Promise<void> = Promise.resolve();
  let running = 0;
  const run = async <T>(call: Call, change: RulesetChange | null, report: T): Promise<T> => {
    running += 1;
    if (running > 1) throw new Error("two operations at once");
    calls.push({ call, change });
    await gate;
    running -= 1;
    const refusal = refusals.get(call)?.shift();
    if (refusal !== undefined) throw refusal;
    return report;
  };
  const applied: ApplyReport = { transactions: 1, milliseconds: 0.1 };
  const compared = (): SyncReport => ({ differences: foundNext.shift() ?? [], transactions: 0, milliseconds: 0.1 });
  const dataplane: Dataplane = {
    name: "recording",
    probe: () => Promise.resolve({ dataplane: "recording", kernel: "none", missing: [] }),
    render: () => "",
    sync: () => run("sync", null, { ...compared(), transactions: 2 }),
    apply: (change) => run("apply", change, applied),
    check: () => run("check", null, compared()),
    watch: (callback) => {
      foreign = callback;
      return () => {
        foreign = () => {};
      };
    },
    counters: () => Promise.resolve([]),
    present: () => Promise.resolve(false),
    remove: () => Promise.resolve([]),
    close: () => {},
  };
  return {
    dataplane,
    calls,
    names: () => calls.map(({ call }) => call),
    refuse: (call: Call, times: number, error: Error = new DataplaneError("Operation not permitted", "EPERM")) =>
      refusals.set(
        call,
        Array.from({ length: times }, () => error),
      ),
    /** Operations that begin from now on wait for the function that this gives. */
    hold: (): (() => void) => {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return held.resolve;
    },
    findNext: (differences: readonly string[]) => void foundNext.push([...differences]),
    foreign: () => foreign(),
  };
}

/** Lets everything run that can run without time going on. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, in real time, until it is true; for what goes through the file system or a socket. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("did not happen in 10 s");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await settled();
}

/** A clock that stands still until it is set. */
export function manualClock() {
  let time = 1000;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  const wakeDue = () => {
    for (const sleeper of sleepers) {
      if (sleeper.at > time) continue;
      sleepers.delete(sleeper);
      sleeper.wake();
    }
  };
  const clock: Clock = {
    now: () => time,
    sleep: (milliseconds, signal) =>
      new Promise<void>((resolve) => {
        const sleeper = { at: time + milliseconds, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          resolve();
        });
      }),
  };
  return {
    clock,
    sleepers: () => sleepers.size,
    advance: async (milliseconds: number) => {
      time += milliseconds;
      wakeDue();
      await settled();
    },
    /** The clock shows another time; what sleeps goes on sleeping for as long as it would have. */
    jump: async (milliseconds: number) => {
      const moved = [...sleepers].map(({ at, wake }) => ({ at: at + milliseconds, wake }));
      sleepers.clear();
      for (const sleeper of moved) sleepers.add(sleeper);
      time += milliseconds;
      await settled();
    },
  };
}

/** Log lines as a test reads them. */
export function collectedLog() {
  const lines: string[] = [];
  const log = createLog({ format: "text", level: "info", now: () => 0, write: (line) => void lines.push(line) });
  return { log, lines, text: () => lines.join("") };
}

const emptyRuleset: Ruleset = {
  node: {
    name: "node-1",
    ranges: [],
    gateways: [],
    unknownPods: "drop",
    established: "cut",
    logGroup: null,
    names: null,
  },
  endpoints: new Map(),
  chains: new Map(),
  groups: new Map(),
  domainSets: new Map(),
  pairSets: new Map(),
};

export const emptyChange: RulesetChange = {
  node: null,
  newGroups: [],
  newPairSets: [],
  newDomainSets: [],
  goneDomainSets: [],
  newChains: [],
  groups: [],
  pairSets: [],
  endpoints: [],
  goneEndpoints: [],
  goneChains: [],
  goneGroups: [],
  gonePairSets: [],
  canDeny: true,
};

/** A compiler that knows no pods and keeps what it was given; it throws at a policy called `defect`. */
export function plainCompiler() {
  let loads = 0;
  const batches: Change[][] = [];
  const create = (): Compiler => ({
    load: () => {
      loads += 1;
      return emptyRuleset;
    },
    apply: (changes) => {
      if (changes.some((change) => change.kind === "policy" && change.policy.name === "defect"))
        throw new TypeError("a defect");
      batches.push([...changes]);
      return emptyChange;
    },
    ruleset: () => emptyRuleset,
    counts: () => ({ Pod: 0, Policy: 1 }),
    podAt: () => null,
    learned: () => [],
  });
  return { create, loads: () => loads, batches };
}
