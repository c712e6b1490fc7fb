import { openNetlink, NETLINK_NETFILTER } from "../../../system/netlink/socket.ts";
import { type Capabilities, DataplaneError } from "../../dataplane.ts";
import type { Step } from "../step.ts";
import type { CounterValue } from "./decode.ts";
import { createDumper } from "./dump.ts";
import { missingFeatures } from "./probe.ts";
import { type TableContent, readCounters, readRuleHandles, readTable } from "./read-table.ts";
import { createRuleHandles } from "./rule-handles.ts";
import { createTransactor } from "./transaction.ts";
import { type ForeignChange, watchTable } from "./watch.ts";

/** Our table in the kernel of one network namespace, over one socket that stays open. All but `watchForeign` is synchronous. */
export interface NftTable {
  /** Applies a step as one transaction. Throws DataplaneError, and then nothing of it was done. */
  transact(step: Step): void;
  /** Everything in the table; null: there is none. Elements cost 0.5 µs each, rules 10 µs. */
  read(): TableContent | null;
  /** Packets and bytes of all named counters. */
  counters(): ReadonlyMap<string, CounterValue>;
  /** Calls back when anybody else changed our table or took it away. Returns how to stop. */
  watchForeign(onChange: (change: ForeignChange) => void): () => void;
  /** What this kernel lacks of what we need; nothing is changed. Throws DataplaneError where it may not be asked. */
  missing(): Capabilities["missing"];
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

/** Opens the way to a table of family inet; makes nothing. Throws DataplaneError. */
export function openTable(netns: string | null, table: string): NftTable {
  const socket = openSocket(netns);
  const dumper = createDumper(socket, table);
  const handles = createRuleHandles((chain) => readRuleHandles(dumper, table, chain));
  const transactor = createTransactor(socket, table, handles);
  const watches = new Set<() => void>();
  return {
    transact: (step) => transactor.transact(step),
    read: () => readTable(dumper, table),
    counters: () => readCounters(dumper, table),
    watchForeign: (onChange) => {
      const stop = watchTable(openSocket(netns), table, socket.port, onChange);
      watches.add(stop);
      return () => {
        watches.delete(stop);
        stop();
      };
    },
    missing: () => missingFeatures(netns, socket),
    close: () => {
      for (const stop of watches) stop();
      watches.clear();
      socket.close();
    },
  };
}
