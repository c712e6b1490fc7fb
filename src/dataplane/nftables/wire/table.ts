import { openNetlink, NETLINK_NETFILTER } from "../../../system/netlink/socket.ts";
import { type Capabilities, DataplaneError } from "../../dataplane.ts";
import type { ElementKey, ProgramSet } from "../program.ts";
import type { Step } from "../step.ts";
import type { CounterValue } from "./decode.ts";
import { type Dumper, createDumper } from "./dump.ts";
import { missingFeatures, queueFormOf, takesReports } from "./probe.ts";
import type { QueueForm } from "./queue.ts";
import { type TableContent, readCounters, readRuleHandles, readTable, readTimesLeft } from "./read-table.ts";
import { createRuleHandles } from "./rule-handles.ts";
import { createTransactor } from "./transaction.ts";
import { type ForeignChange, type TableWatch, watchTable } from "./watch.ts";

/** Our table in the kernel of one network namespace, over one socket that stays open. All but `watchForeign` is synchronous. */
export interface NftTable {
  /** Applies a step as one transaction. Throws DataplaneError, and then nothing of it was done. */
  transact(step: Step): void;
  /** Everything in the table; null: there is none. Elements cost 0.5 µs each, rules 10 µs. */
  read(): TableContent | null;
  /** Packets and bytes of all named counters. */
  counters(): ReadonlyMap<string, CounterValue>;
  /** Milliseconds for which elements of a set of what was learned will last; empty where there is no such set. */
  timesLeft(set: ProgramSet): ReadonlyMap<ElementKey, number>;
  /** Calls back when anybody else changed our table or took it away. Returns how to stop. */
  watchForeign(onChange: (change: ForeignChange) => void): () => void;
  /** What this kernel lacks of what we need; nothing is changed. Throws DataplaneError where it may not be asked. */
  missing(): Capabilities["missing"];
  /** Whether it takes rules that report denied connections. */
  takesReports(): boolean;
  /** Whether it takes rules that hand packets to user space. */
  takesQueue(): boolean;
  close(): void;
}

function openSocket(netns: string | null) {
  try {
    return openNetlink(netns, NETLINK_NETFILTER);
  } catch (error) {
    const where = netns === null ? "this network namespace" : `network namespace ${netns}`;
    const code = (error as { readonly code?: unknown }).code;
    const hint =
      code === "ENOENT"
        ? "there is no such namespace; `ip netns list` names those there are"
        : code === "EPERM" || code === "EACCES"
          ? "run as root, or with CAP_SYS_ADMIN to enter it and CAP_NET_ADMIN in it"
          : "is the kernel module nfnetlink there?";
    throw new DataplaneError(`cannot open a netfilter socket in ${where}: ${String(code)}: ${hint}`, String(error));
  }
}

/** Runs one transaction of ours unheard; the number of transactions tells whether somebody else's came between. */
function whilePaused(watches: ReadonlySet<TableWatch>, dumper: Dumper, run: () => void): void {
  if (watches.size === 0) return run();
  // Counting starts before hearing ends, and ends after it starts: what falls between is told twice rather than never.
  const before = dumper.generation();
  for (const watch of watches) watch.pause();
  try {
    run();
  } finally {
    for (const watch of watches) watch.resume();
    const passed = (dumper.generation() - before) >>> 0;
    if (passed > 1) for (const watch of watches) watch.missed();
  }
}

/** Opens the way to a table of family inet; makes nothing. Throws DataplaneError. */
export function openTable(netns: string | null, table: string): NftTable {
  const socket = openSocket(netns);
  const dumper = createDumper(socket, table);
  const handles = createRuleHandles((chain) => readRuleHandles(dumper, table, chain));
  const watches = new Set<TableWatch>();
  let form: QueueForm | null = null;
  const knownForm = (): QueueForm => (form ??= queueFormOf(socket)) ?? "expression";
  const unheard = (run: () => void): void => whilePaused(watches, dumper, run);
  const transactor = createTransactor(socket, table, handles, unheard, knownForm);
  return {
    transact: (step) => transactor.transact(step),
    read: () => readTable(dumper, table),
    counters: () => readCounters(dumper, table),
    timesLeft: (set) => readTimesLeft(dumper, table, set),
    watchForeign: (onChange) => {
      const watch = watchTable(openSocket(netns), table, socket.port, onChange);
      watches.add(watch);
      return () => {
        watches.delete(watch);
        watch.stop();
      };
    },
    missing: () => missingFeatures(netns, socket),
    takesReports: () => takesReports(socket),
    takesQueue: () => {
      form = queueFormOf(socket);
      return form !== null;
    },
    close: () => {
      for (const watch of watches) watch.stop();
      watches.clear();
      socket.close();
    },
  };
}
