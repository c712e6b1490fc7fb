import { readFileSync } from "node:fs";
import { SystemCallError, errnoName } from "../../../system/libc.ts";
import { inNamespace } from "../../../system/namespace.ts";
import { eachMessage } from "../../../system/netlink/attributes.ts";
import { MessageWriter } from "../../../system/netlink/message.ts";
import type { NetlinkSocket } from "../../../system/netlink/socket.ts";
import { type Capabilities, DataplaneError } from "../../dataplane.ts";
import type { ProgramSet } from "../program.ts";
import type { Statement } from "../statement.ts";
import type { Operation } from "../step.ts";
import { type Encoding, beginBatch, endBatch, writeOperation } from "./encode.ts";
import { NLMSG_ERROR } from "./numbers.ts";
import type { QueueForm } from "./queue.ts";

type Missing = Capabilities["missing"][number];

const table = "portcullis-probe";

function emptySet(name: string, more: Partial<ProgramSet>): ProgramSet {
  const plain = { data: "none", interval: false, size: null, comment: null, elements: new Map() } as const;
  return { name, key: ["ipv4_addr"], ...plain, ...more };
}

const addSet = (name: string, more: Partial<ProgramSet>): Operation => ({ kind: "add-set", set: emptySet(name, more) });
const addRule = (...statements: readonly Statement[]): Operation => ({
  kind: "add-rule",
  chain: "forward",
  rule: { statements, comment: null },
});

interface Trial {
  readonly operation: Operation;
  readonly missing: Missing;
}

const needed = (feature: string, modules: string): Missing => ({
  feature,
  effect: "the rules cannot be loaded: nothing is enforced",
  remedy: `load the kernel module ${modules} (modprobe), or use a kernel that has it`,
});

const addTable: Operation = { kind: "add-table" };
const addForward: Operation = { kind: "add-chain", chain: { name: "forward", hook: "forward", rules: [] } };

const tcp: Statement = { kind: "l4proto", protocol: 6 };

const withoutLog: Missing = {
  feature: "nf_tables log",
  effect: "denied connections are dropped and counted, but not reported",
  remedy: "load the kernel modules nft_log, nft_limit and nfnetlink_log, or use a kernel that has them",
};

/** What the rules that report denied connections are made of. */
const ofReports: readonly Operation[] = [
  addSet("d", { size: 8, lifetime: 1 }),
  addRule(
    { kind: "limit-each", key: ["source4"], set: "d", perSecond: 1, burst: 3 },
    { kind: "limit", perSecond: 1, burst: 3 },
    { kind: "log", prefix: "probe", group: 1, snaplen: 64 },
  ),
];

/** One operation for each thing that a kernel may be built without. */
const trials: readonly Trial[] = [
  { operation: addTable, missing: needed("nf_tables for the inet family", "nf_tables") },
  { operation: addSet("s", {}), missing: needed("nf_tables hash sets", "nf_tables") },
  { operation: addSet("i", { interval: true }), missing: needed("nf_tables interval sets", "nf_tables") },
  { operation: addSet("v", { data: "verdict" }), missing: needed("nf_tables verdict maps", "nf_tables") },
  {
    operation: addSet("m", { data: "counter" }),
    missing: needed("nf_tables maps of counters", "nf_tables, nft_objref"),
  },
  {
    operation: addForward,
    missing: needed("nf_tables filter chains", "nf_tables"),
  },
  {
    operation: addRule({ kind: "lookup", key: ["client4", "backend4"], set: "s" }),
    missing: needed("nf_tables matches on connections", "nft_ct, nf_conntrack"),
  },
  { operation: addRule({ kind: "source-is-local" }), missing: needed("nf_tables routing queries", "nft_fib_inet") },
  {
    operation: addRule(tcp, { kind: "reject-tcp-reset" }),
    missing: needed("nf_tables rejects", "nft_reject_inet"),
  },
  {
    operation: addRule({ kind: "counter-map", key: ["client4"], map: "m" }),
    missing: needed("nf_tables references to counters", "nft_objref"),
  },
  ...ofReports.map((operation): Trial => ({ operation, missing: withoutLog })),
];

/**
 * Tries every operation in one transaction that the kernel cannot accept (its last operation deletes what is not
 * there): it names all that it does not know, and nothing is done. Errors by number of operation.
 */
function refusals(
  socket: NetlinkSocket,
  operations: readonly Operation[],
  queueForm: QueueForm = "expression",
): ReadonlyMap<number, string> {
  const writer = new MessageWriter(8192);
  const encoding: Encoding = { writer, table, sequence: 1, setId: 0, handleOf: () => null, queueForm: () => queueForm };
  beginBatch(writer, 1);
  for (const operation of [...operations, { kind: "delete-counter", name: "none" } as const]) {
    encoding.sequence += 1;
    writeOperation(encoding, operation);
  }
  endBatch(writer, encoding.sequence + 1);
  socket.send(writer.buffer, writer.length);
  const found = new Map<number, string>();
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    eachMessage(socket.received, length, (type, _flags, start) => {
      if (type !== NLMSG_ERROR) return;
      found.set(socket.received.readUInt32LE(start + 8) - 2, errnoName(-socket.received.readInt32LE(start + 16)));
    });
  }
  return found;
}

/** Whether this kernel takes rules that report denied connections. Changes nothing. */
export function takesReports(socket: NetlinkSocket): boolean {
  return takes(socket, ofReports, "expression");
}

/** What hands DNS to who learns names, beside the sets that hold what was learned. */
const ofNames: readonly Operation[] = [
  addSet("l", { size: 8, learned: true }),
  addRule({ kind: "lookup", key: ["source4"], set: "l" }, { kind: "queue", queue: 0 }),
];

/** How this kernel is told to queue packets; null: it cannot be. Changes nothing. */
export function queueFormOf(socket: NetlinkSocket): QueueForm | null {
  const forms = ["expression", "target"] as const;
  return forms.find((form) => takes(socket, ofNames, form)) ?? null;
}

function takes(socket: NetlinkSocket, wanted: readonly Operation[], form: QueueForm): boolean {
  const operations = [addTable, addForward, ...wanted];
  try {
    return ![...refusals(socket, operations, form).keys()].some((number) => number < operations.length);
  } catch (error) {
    // What cannot be asked is not used; whoever needs the socket next says what is wrong with it.
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

/** Whether ctnetlink answers: it counts connections when asked. */
function hasConntrackNetlink(socket: NetlinkSocket): boolean {
  const writer = new MessageWriter(64);
  writer.begin(0x105, 1, 1);
  writer.netfilterHeader(0, 0);
  writer.end();
  socket.send(writer.buffer, writer.length);
  let answered = false;
  for (let length = socket.receive(); length > 0; length = socket.receive()) {
    eachMessage(socket.received, length, (type) => {
      if (type !== NLMSG_ERROR) answered = true;
    });
  }
  return answered;
}

function bridgeIsBlind(netns: string | null): boolean {
  try {
    const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    return inNamespace(netns, () => readFileSync(path, "latin1")).trim() === "0";
  } catch {
    // No br_netfilter: then no bridge of pods exists that it should have been loaded for, or their CNI did not want it.
    return false;
  }
}

const withoutQueue: Missing = {
  feature: "nf_tables queue",
  effect: "no names are learned: rules with domainNames let nothing through",
  remedy: "load the kernel modules nfnetlink_queue and nft_queue (or nft_compat and xt_NFQUEUE)",
};

const withoutSweep: Missing = {
  feature: "conntrack netlink",
  effect:
    "marks of open connections cannot be cleared when the generations come around, after some ten thousand changes",
  remedy: "load the kernel module nf_conntrack_netlink",
};

const blindBridge: Missing = {
  feature: "bridged packets",
  effect: "packets between two pods on the same bridge pass without any policy, and Services between them break",
  remedy: "sysctl net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
};

/**
 * What the kernel of this network namespace lacks. Changes nothing: what is tried is never committed. Throws
 * DataplaneError where it may not be asked at all.
 */
export function missingFeatures(netns: string | null, socket: NetlinkSocket): readonly Missing[] {
  try {
    const refused = refusals(
      socket,
      trials.map(({ operation }) => operation),
    );
    if ([...refused.values()].includes("EPERM")) {
      throw new DataplaneError(
        "nftables: EPERM: run as root, or with CAP_NET_ADMIN in the user namespace that owns the network namespace",
        "errno EPERM",
      );
    }
    // What fails only because something before it did is not missing.
    const first = trials.findIndex((_, index) => refused.has(index));
    const fundamental = first === 0 ? trials.slice(0, 1) : trials.filter((_, index) => refused.has(index));
    return [
      ...new Set(fundamental.map(({ missing }) => missing)),
      ...(queueFormOf(socket) === null ? [withoutQueue] : []),
      ...(hasConntrackNetlink(socket) ? [] : [withoutSweep]),
      ...(bridgeIsBlind(netns) ? [blindBridge] : []),
    ];
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new DataplaneError(`nftables: the kernel cannot be asked (${error.call}: ${error.code})`, error.message);
  }
}
