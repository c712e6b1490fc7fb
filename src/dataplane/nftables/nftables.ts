import { release } from "node:os";
import { type Clock, systemClock } from "../../system/clock.ts";
import { clearConnectionMarks } from "../../system/conntrack.ts";
import type { RulesetChange } from "../../ir/change.ts";
import type { DomainSet, NodeRules } from "../../ir/ruleset.ts";
import {
  type ApplyReport,
  type Dataplane,
  DataplaneError,
  type NameSets,
  type PolicyCounter,
  type SyncReport,
} from "../dataplane.ts";
import { changeSteps } from "./change.ts";
import { diffPrograms, type KernelProgram, type ProgramDiff } from "./diff.ts";
import { generationInForce, markMaskInForce } from "./generation-in-force.ts";
import { type MarkLayout, markLayout, nextGeneration, randomGeneration } from "./generation.ts";
import { handOver, isOtherLayout, layoutInForce } from "./hand-over.ts";
import { createLearnedMemory } from "./learned-memory.ts";
import { heldNames, inheritedNames, learnNames } from "./learned-names.ts";
import { createMarkSweep, type MarkSweep } from "./mark-sweep.ts";
import { Mirror } from "./mirror.ts";
import { dropCounters } from "./render/base-chains.ts";
import { layoutVersion } from "./render/base-sets.ts";
import type { CounterSource } from "./render/part.ts";
import { type RuleActions, ruleActions } from "./rule-actions.ts";
import type { Step } from "./step.ts";
import { programText } from "./text.ts";
import { unseenTraffic } from "./unseen-traffic.ts";
import { type NftTable, openTable } from "./wire/table.ts";

export interface NftablesOptions {
  /** Name of the network namespace to program; null: our own. */
  readonly netns: string | null;
  /** Bits of the connection mark that are ours: at least 8, in a row. */
  readonly ctMarkMask: number;
  readonly table?: string;
  readonly clock?: Clock;
  /** How the table is opened: the seam at which tests let the kernel refuse. */
  readonly open?: typeof openTable;
}

/** The generation that `render` shows; a kernel starts with a random one. */
const shownGeneration = 1;

/** Milliseconds after which no packet is on its way any more through rules that were replaced. */
const underWay = 20;

/** The nftables dataplane: one table of our own, programmed by netlink. Opens its socket at the first use. */
export function nftablesDataplane(options: NftablesOptions): Dataplane {
  const layout = markLayout(options.ctMarkMask);
  const name = options.table ?? "portcullis";
  const sweep = createMarkSweep(() => clearConnectionMarks(options.netns, layout.generationMask), layout.last);
  let opened: NftTable | null = null;
  const table = (): NftTable => (opened ??= (options.open ?? openTable)(options.netns, name));
  const state = createState(name, layout, table, sweep, options.clock ?? systemClock);
  return {
    name: "nftables",
    layout: layoutVersion,
    probe: async () => ({
      dataplane: "nftables",
      kernel: `Linux ${release()}`,
      missing: [...table().missing(), ...unseenTraffic(options.netns)],
    }),
    render: (ruleset) => {
      const mirror = new Mirror(name, layout, shownGeneration, ruleset);
      return programText(mirror.program, mirror.notes);
    },
    ...state,
    watch: (onForeignChange) => table().watchForeign(() => onForeignChange()),
    present: async () => table().read() !== null,
    remove: async () => {
      const have = table().read();
      if (have === null) return [];
      table().transact({ operations: [{ kind: "delete-table" }] });
      state.forget();
      // Of the marks only what this table's rules set, which may be other bits than we would.
      const mask = markMaskInForce(have);
      if (mask !== null) await clearConnectionMarks(options.netns, mask);
      return [`table inet ${name}`];
    },
    close: () => {
      opened?.close();
      opened = null;
    },
  };
}

type Stateful = Pick<Dataplane, "sync" | "apply" | "check" | "counters"> & {
  readonly names: NameSets;
  forget(): void;
};

/** What is done with the kernel, and the mirror of it. After a failure there is no mirror until the next sync. */
function createState(
  name: string,
  layout: MarkLayout,
  table: () => NftTable,
  sweep: MarkSweep,
  clock: Clock,
): Stateful {
  let mirror: Mirror | null = null;
  const memory = createLearnedMemory(() => performance.now());

  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other: the agent's changes, its checks, and what its learning of names wants decided anew. */
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const result = turn.then(run);
    turn = result.catch(() => {});
    return result;
  };

  const mirrorFor = (what: string): Mirror => {
    if (mirror !== null) return mirror;
    throw new DataplaneError(`${what}: nothing is known of the kernel yet`, `${what} needs a sync that succeeded`);
  };

  /** Runs with the mirror taken away, so that whatever fails half way leaves none. */
  const withMirror = async <T>(next: Mirror, run: () => Promise<T>): Promise<T> => {
    mirror = null;
    const result = await run();
    mirror = next;
    return result;
  };

  const transact = (steps: readonly Step[]): void => {
    for (const step of steps) table().transact(step);
  };

  /** New sets of names are made with what others hold for theirs: nobody ever asks one without. */
  const inherit = (sets: Iterable<DomainSet>): void => {
    if (mirror === null) return;
    memory.note(inheritedNames(table(), [...sets], mirror.domainSets, mirror.store.learned), null);
  };

  /** From a table that is built in another way. Seldom, so each transaction waits for the packets before it to be gone. */
  const takeOver = async (have: KernelProgram, next: Mirror, bumps: boolean): Promise<ProgramDiff> => {
    if (bumps) {
      await sweep.beforeBump();
      next.bump();
    }
    const steps = handOver(have, next.program).flat();
    for (const [index, step] of steps.entries()) {
      if (index > 0) await clock.sleep(underWay);
      table().transact(step);
    }
    const layoutFound = layoutInForce(have) ?? "without a number";
    return { steps, differences: [`table inet ${name} is of layout ${layoutFound}, ours is ${layoutVersion}`] };
  };

  const mend = async (have: KernelProgram | null, next: Mirror, bumps: boolean): Promise<ProgramDiff> => {
    const found = diffPrograms(have, next.program);
    if (found.steps.length === 0) return found;
    if (bumps) {
      await sweep.beforeBump();
      next.bump();
    }
    const { steps } = bumps ? diffPrograms(have, next.program) : found;
    transact(memory.fill(steps));
    return { steps, differences: found.differences };
  };

  /** Brings the kernel to the mirror; what differs may have let connections in that must be decided again. */
  const repair = async (have: KernelProgram | null, next: Mirror, bumps: boolean): Promise<ProgramDiff> => {
    const found =
      have !== null && isOtherLayout(have) ? await takeOver(have, next, bumps) : await mend(have, next, bumps);
    memory.retain(next.program.sets);
    // A table that was away, or took other bits: marks of an earlier life must not fit by chance.
    const isNewLife = have === null || generationInForce(have, layout) === null;
    if (found.steps.length > 0 && isNewLife && next.node.established === "cut") sweep.start();
    return found;
  };

  const report = (diff: ProgramDiff, started: number): SyncReport => ({
    differences: diff.differences,
    transactions: diff.steps.length,
    milliseconds: performance.now() - started,
  });

  return {
    forget: () => {
      mirror = null;
    },
    sync: (ruleset) =>
      inTurn(async () => {
        const started = performance.now();
        const last = mirror?.generation ?? null;
        const have = table().read();
        const inForce = have === null ? null : generationInForce(have, layout);
        const generation = inForce ?? (last === null ? randomGeneration(layout) : nextGeneration(layout, last));
        const node = supported(ruleset.node, table());
        const next = new Mirror(name, layout, generation, { ...ruleset, node });
        const bumps = inForce !== null && node.established === "cut";
        inherit(ruleset.domainSets.values());
        return withMirror(next, async () => report(await repair(have, next, bumps), started));
      }),
    apply: (change): Promise<ApplyReport> =>
      inTurn(async () => {
        const started = performance.now();
        const current = mirrorFor("apply");
        const node = change.node === null ? null : supported(change.node, table());
        const bumps = isCut(current, change);
        inherit(change.newDomainSets);
        return withMirror(current, async () => {
          if (bumps) await sweep.beforeBump();
          const changed = current.change({ ...change, node }, bumps);
          const steps = changeSteps(current.program, changed);
          transact(memory.fill(steps));
          memory.retain(current.program.sets);
          return { transactions: steps.length, milliseconds: performance.now() - started };
        });
      }),
    check: () =>
      inTurn(async () => {
        const started = performance.now();
        const current = mirrorFor("check");
        const have = table().read();
        // Under `keep` a table that was away needs no new generation: what opened meanwhile carries none.
        const bumps = have !== null || current.node.established === "cut";
        return withMirror(current, async () => report(await repair(have, current, bumps), started));
      }),
    names: {
      // At once, whatever else is under way: each step of that is a transaction, and none touches what was learned.
      learn: async (entries) => {
        const known = mirror?.program.sets ?? null;
        learnNames(table(), entries, known);
        memory.note(entries, known);
      },
      held: () =>
        inTurn(async () => {
          const held = heldNames(table(), mirrorFor("held").store.learned);
          memory.note(held, null);
          return held;
        }),
      decideAnew: () =>
        inTurn(async () => {
          const current = mirrorFor("decide anew");
          if (current.node.established === "keep") return;
          await withMirror(current, async () => {
            await sweep.beforeBump();
            transact(changeSteps(current.program, current.bump()));
          });
        }),
    },
    counters: async () => {
      const values = table().counters();
      const sources = mirror?.store.counterSources ?? new Map<string, CounterSource>();
      const actions = ruleActions(mirror?.chains ?? []);
      return [...values].flatMap(([counter, value]): PolicyCounter[] => {
        const shown = describeCounter(counter, sources.get(counter), actions);
        return shown === null ? [] : [{ ...shown, ...value }];
      });
    },
  };
}

/** Enforcing must not fail for want of a log or a queue: a kernel without gets the rules without (`probe` says so). */
function supported(node: NodeRules, table: NftTable): NodeRules {
  const logGroup = node.logGroup === null || table.takesReports() ? node.logGroup : null;
  const names = node.names === null || table.takesQueue() ? node.names : null;
  return { ...node, logGroup, names };
}

/** Whether open connections must be decided again. */
function isCut(mirror: Mirror, change: RulesetChange): boolean {
  const node = change.node ?? mirror.node;
  const becomesCut = node.established === "cut" && mirror.node.established === "keep";
  return becomesCut || (change.canDeny && node.established === "cut");
}

/** Named `Kind/namespace/name DIRECTION[RULE]`, or as the drop. Null: not one of ours. */
function describeCounter(
  counter: string,
  source: CounterSource | undefined,
  actionOf: RuleActions,
): Omit<PolicyCounter, "packets" | "bytes"> | null {
  if (source === undefined)
    return Object.hasOwn(dropCounters, counter) ? { name: counter, verdict: "deny", direction: null } : null;
  if (source.kind === "audit-rule") return null;
  const { direction } = source;
  switch (source.kind) {
    case "rule": {
      const { policy, rule } = source;
      return { name: `${policy} ${direction}[${rule}]`, verdict: actionOf(policy, direction, rule), direction };
    }
    case "drop":
      return { name: `drop ${source.chain}`, verdict: "deny", direction };
    case "audit": {
      const isDenied = source.verdict === "deny";
      const name = `${isDenied ? "audit-deny" : "audit-allow"} ${source.chain}`;
      return { name, verdict: isDenied ? "audit-deny" : "audit-accept", direction, policies: source.policies };
    }
  }
}
