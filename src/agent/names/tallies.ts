import type { AnswerResult, Tally } from "../../names/learner.ts";

const results: readonly AnswerResult[] = [
  "learned",
  "known",
  "other",
  "unasked",
  "truncated",
  "error",
  "empty",
  "malformed",
  "trailing",
  "questions",
  "name",
];
type PacketReason = Extract<Tally, { kind: "packet" }>["reason"] | "cut";
const packetReasons: readonly PacketReason[] = ["fragment", "unreadable", "stream", "cut"];
type Limit = Extract<Tally, { kind: "over" }>["limit"];
const limits: readonly Limit[] = ["name", "pod", "set", "node", "queries"];
const singles = ["queries", "held", "late", "lost"] as const;
type Single = (typeof singles)[number];
const gauges = ["addresses", "pending", "streams"] as const;
type Gauge = (typeof gauges)[number];

const names = [
  ...results.map((result) => `answer ${result}`),
  ...packetReasons.map((reason) => `packet ${reason}`),
  ...limits.map((limit) => `over ${limit}`),
  ...singles,
  ...gauges.map((gauge) => `now ${gauge}`),
];
const placeOf = new Map(names.map((name, index) => [name, index]));

function place(name: string): number {
  const index = placeOf.get(name);
  if (index === undefined) throw new Error(`nothing is counted under ${name}`);
  return index;
}

/** Numbers that one thread counts and another reads, whenever it likes. They outlive the thread. */
export function newCounts(): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * names.length);
}

/** For the thread that counts. */
export interface Tallies {
  tally(what: Tally): void;
  packet(reason: PacketReason): void;
  add(what: Single, amount: number): void;
  set(gauge: Gauge, value: number): void;
}

export function tallyInto(counts: SharedArrayBuffer): Tallies {
  const values = new Float64Array(counts);
  const add = (name: string, amount: number) => {
    const index = place(name);
    values[index] = (values[index] ?? 0) + amount;
  };
  return {
    tally: (what) => {
      if (what.kind === "query") add("queries", 1);
      else if (what.kind === "answer") add(`answer ${what.result}`, 1);
      else if (what.kind === "packet") add(`packet ${what.reason}`, 1);
      else add(`over ${what.limit}`, 1);
    },
    packet: (reason) => add(`packet ${reason}`, 1),
    add,
    set: (gauge, value) => void (values[place(`now ${gauge}`)] = value),
  };
}

/** What was counted since the start, and how much there is now. */
export interface NameCounts {
  readonly answers: readonly { readonly result: string; readonly count: number }[];
  readonly ignoredPackets: readonly { readonly reason: string; readonly count: number }[];
  readonly over: readonly { readonly limit: string; readonly count: number }[];
  readonly queries: number;
  /** Answers that waited for their addresses to be in the kernel, and those that were let go before they were. */
  readonly held: number;
  readonly late: number;
  /** Packets that passed unseen since they came too fast. */
  readonly lost: number;
  readonly addresses: number;
  readonly pending: number;
  readonly streams: number;
}

export function readCounts(counts: SharedArrayBuffer): NameCounts {
  const values = new Float64Array(counts);
  const of = (name: string): number => values[place(name)] ?? 0;
  return {
    answers: results.map((result) => ({ result, count: of(`answer ${result}`) })),
    ignoredPackets: packetReasons.map((reason) => ({ reason, count: of(`packet ${reason}`) })),
    over: limits.map((limit) => ({ limit, count: of(`over ${limit}`) })),
    queries: of("queries"),
    held: of("held"),
    late: of("late"),
    lost: of("lost"),
    addresses: of("now addresses"),
    pending: of("now pending"),
    streams: of("now streams"),
  };
}
