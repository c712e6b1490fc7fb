import type { DomainSetName } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { type Segment, readSegment } from "../net/packet.ts";
import { type HeldAddress, type OverLimit, createHeld } from "./held.ts";
import { type DnsMessage, type MessageFault, readMessage, typeA, typeAAAA } from "./message.ts";
import { createPendingQueries } from "./pending.ts";
import { type ResolvedAddress, resolutionOf } from "./resolution.ts";
import { type Wait, createStreams, goesAtOnce } from "./streams.ts";
import { type NameTable, type Subjects, createSubjects } from "./subjects.ts";

/** What came of an answer. */
export type AnswerResult =
  /** It brought addresses that were not in the kernel. */
  | "learned"
  /** All its addresses were there. */
  | "known"
  /** No policy that selects the pod means its name, or it is not about addresses. */
  | "other"
  /** No query of this pod asked for it, from this port of this resolver, under this id. */
  | "unasked"
  | "truncated"
  /** The resolver says that there is no such name, or that it could not find out. */
  | "error"
  /** It gives no address of the name. */
  | "empty"
  | MessageFault;

/** What is counted. */
export type Tally =
  | { readonly kind: "query" }
  | { readonly kind: "answer"; readonly result: AnswerResult }
  /** A packet that no message can be taken from. */
  | { readonly kind: "packet"; readonly reason: "fragment" | "unreadable" | "stream" }
  /** An address, or the answer to a query, that is over a limit. */
  | { readonly kind: "over"; readonly limit: OverLimit | "queries"; readonly pod: Address; readonly name: DomainName };

/** An address that is to be brought into a domain set. */
export interface LearnedAddress {
  readonly set: DomainSetName;
  readonly address: Address;
  readonly seconds: number;
  readonly graceSeconds: number;
}

export interface Batch {
  readonly number: number;
  readonly entries: readonly LearnedAddress[];
}

export interface LearnerOptions {
  /** Seconds. */
  readonly minTtl: number;
  readonly maxTtl: number;
  readonly grace: number;
  /** Milliseconds, of the clock that all other times here are of. */
  readonly now: number;
  readonly tally: (what: Tally) => void;
}

/** Learns names from the packets between pods and resolvers. Knows nothing of how they come or of the kernel. */
export interface Learner {
  /** Which pods learn which names, from now on. What sets that are not in it held is gone. */
  follow(table: NameTable): void;
  /** A packet in whatever direction; gives the batch that it has to wait for (`goesAtOnce`: none). */
  packet(bytes: Uint8Array, now: number): Wait;
  /** What has been learned since the last call, to be brought into the kernel; null: nothing. */
  takeBatch(): Batch | null;
  /** A batch is in the kernel, or was refused. They come in the order of their numbers. */
  completed(number: number, taken: boolean, now: number): void;
  isOver(batch: Wait): boolean;
  /** What the kernel holds. What it has lost is put into the next batch. */
  adopt(entries: readonly LearnedAddress[], now: number): void;
  /** Time passes; true: the grace of some address is over. */
  tick(now: number): boolean;
  counts(): { readonly addresses: number; readonly pending: number; readonly streams: number };
}

/** Added to a time to live: the pod's begins when the answer arrives, the kernel's before that. Seconds. */
const onTheWay = 1;
const dnsPort = 53;
/** Milliseconds that an address must still be good for, for an answer not to wait for its being renewed. */
const surely = 2000;

/** To the millisecond: what the clock's fractions add must not become another second. */
const toSeconds = (milliseconds: number): number => Math.max(0, Math.round(milliseconds)) / 1000;

export function createLearner(options: LearnerOptions): Learner {
  const { minTtl, maxTtl, grace, tally } = options;
  let subjects: Subjects = createSubjects({ sets: [], classes: [], subjects: [] });
  let completed = 0;
  let sent = 0;
  let outbox = new Map<HeldAddress, LearnedAddress>();
  const inFlight = new Map<number, ReadonlyMap<HeldAddress, LearnedAddress>>();
  const isOver = (batch: Wait): boolean => batch <= completed;
  const pending = createPendingQueries();
  const streams = createStreams(isOver);
  const held = createHeld(options.now);

  const bringNow = (entry: HeldAddress, now: number): void => {
    const { set, address, begin, end } = entry;
    const [seconds, graceSeconds] = [toSeconds(begin - now), toSeconds(end - now)];
    outbox.set(entry, { set, address, seconds, graceSeconds });
    entry.batch = sent + 1;
  };

  /** Gives the batch to wait for. */
  const renew = (entry: HeldAddress, begin: number, now: number): Wait => {
    const wait = isOver(entry.batch) ? goesAtOnce : entry.batch;
    // With a time to live of none and no floor this alone would let an answer go to an address that ends with it.
    const isNear = entry.begin >= begin - 1000 * onTheWay && entry.begin - now >= 1000 * onTheWay;
    if (isNear) return wait;
    const isGood = wait === goesAtOnce && entry.begin - now >= surely;
    entry.begin = Math.max(entry.begin, begin);
    entry.end = Math.max(entry.end, begin + 1000 * grace);
    bringNow(entry, now);
    return isGood ? goesAtOnce : entry.batch;
  };

  interface Asked {
    readonly pod: Address;
    readonly name: DomainName;
  }

  const bring = (sets: readonly DomainSetName[], found: readonly ResolvedAddress[], asked: Asked, now: number) => {
    let wait = goesAtOnce;
    let result: AnswerResult = "known";
    for (const { address, ttl } of found) {
      const begin = now + 1000 * (Math.min(Math.max(ttl, minTtl), maxTtl) + onTheWay);
      for (const set of sets) {
        const known = held.get(set, address);
        if (known !== null) {
          wait = Math.max(wait, renew(known, begin, now));
          continue;
        }
        const entry: HeldAddress = { set, address, ...asked, begin, end: begin + 1000 * grace, batch: 0 };
        const limit = held.add(entry);
        if (limit !== null) tally({ kind: "over", limit, ...asked });
        else {
          result = "learned";
          bringNow(entry, now);
          wait = Math.max(wait, entry.batch);
        }
      }
    }
    tally({ kind: "answer", result });
    return wait;
  };

  const keyOf = (segment: Segment, client: "source" | "destination", { id, question }: DnsMessage): string => {
    const { protocol, source, sourcePort, destination, destinationPort } = segment;
    const ends =
      client === "source"
        ? `${source} ${sourcePort} ${destination} ${destinationPort}`
        : `${destination} ${destinationPort} ${source} ${sourcePort}`;
    return `${protocol} ${ends} ${id} ${question.type} ${question.name}`;
  };

  const query = (segment: Segment, message: DnsMessage, now: number): void => {
    const { name, type } = message.question;
    const pod = segment.source;
    if ((type !== typeA && type !== typeAAAA) || subjects.setsFor(pod, name).length === 0) return;
    tally({ kind: "query" });
    const isKept = pending.add(keyOf(segment, "source", message), pod, now);
    if (!isKept) tally({ kind: "over", limit: "queries", pod, name });
  };

  /** Null: it is not to be learned from, since … */
  const resultOf = (segment: Segment, message: DnsMessage, now: number): AnswerResult | null => {
    if (!pending.take(keyOf(segment, "destination", message), now)) return "unasked";
    if (message.isTruncated) return "truncated";
    return message.code === 0 ? null : "error";
  };

  const answer = (segment: Segment, message: DnsMessage, now: number): Wait => {
    const { name, type } = message.question;
    const pod = segment.destination;
    const sets = type === typeA || type === typeAAAA ? subjects.setsFor(pod, name) : [];
    const result = sets.length === 0 ? "other" : resultOf(segment, message, now);
    if (result === null) {
      const found = resolutionOf(message);
      if (found.length > 0) return bring(sets, found, { pod, name }, now);
    }
    tally({ kind: "answer", result: result ?? "empty" });
    return goesAtOnce;
  };

  const takeMessage = (segment: Segment, bytes: Uint8Array, now: number): Wait => {
    const reading = readMessage(bytes);
    if (reading.ok) {
      if (reading.message.isResponse) return answer(segment, reading.message, now);
      query(segment, reading.message, now);
    } else if (((bytes[2] ?? 0x80) & 0x80) !== 0) tally({ kind: "answer", result: reading.fault });
    return goesAtOnce;
  };

  return {
    follow: (table) => {
      subjects = createSubjects(table);
      held.retain(new Set(table.sets.map(({ name }) => name)));
    },
    packet: (bytes, now) => {
      const segment = readSegment(bytes);
      if (typeof segment === "string") {
        tally({ kind: "packet", reason: segment });
        return goesAtOnce;
      }
      if (segment.protocol === "UDP") return takeMessage(segment, segment.payload, now);
      const { source, sourcePort, destination } = segment;
      // A resolver may be a subject too: it is not to pay for those that ask it.
      const pod = sourcePort === dnsPort && subjects.isSubject(destination) ? destination : source;
      const wait = streams.take(segment, pod, now, (bytesOf) => takeMessage(segment, bytesOf, now));
      if (wait !== "lost") return wait;
      tally({ kind: "packet", reason: "stream" });
      return goesAtOnce;
    },
    takeBatch: () => {
      if (outbox.size === 0) return null;
      sent += 1;
      const entries = [...outbox.values()];
      inFlight.set(sent, outbox);
      outbox = new Map();
      return { number: sent, entries };
    },
    completed: (number, taken, now) => {
      const entries = inFlight.get(number) ?? new Map<HeldAddress, LearnedAddress>();
      inFlight.delete(number);
      completed = Math.max(completed, number);
      for (const [entry, { graceSeconds }] of entries) {
        // The kernel's time began when it took it: nothing may be decided anew before that is over.
        if (taken) entry.end = Math.max(entry.end, now + 1000 * graceSeconds);
        // The next answer tries again.
        else held.remove(entry);
      }
    },
    isOver,
    adopt: (entries, now) => {
      const there = new Map(entries.map((entry) => [`${entry.set} ${entry.address}`, entry]));
      for (const entry of held.all()) {
        if (!there.has(`${entry.set} ${entry.address}`) && isOver(entry.batch)) bringNow(entry, now);
      }
      for (const { set, address, seconds, graceSeconds } of entries) {
        const [begin, end] = [now + 1000 * seconds, now + 1000 * graceSeconds];
        const known = held.get(set, address);
        if (known !== null) known.end = Math.max(known.end, end);
        else held.add({ set, address, pod: null, name: null, begin, end, batch: 0 });
      }
    },
    tick: (now) => held.expire(now) > 0,
    counts: () => ({ addresses: held.size, pending: pending.size, streams: streams.size }),
  };
}
