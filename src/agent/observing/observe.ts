import type { Ruleset } from "../../ir/ruleset.ts";
import type { Address } from "../../net/address.ts";
import type { FlowFilter } from "../../observe/flow-filter.ts";
import type { Flow, FlowVerdict } from "../../observe/flow.ts";
import type { Fields, Log } from "../../observe/log.ts";
import type { Clock } from "../../system/clock.ts";
import type { LoggedPacket } from "../../system/netlink/packet-log.ts";
import { createEar } from "./ear.ts";
import { flowOf } from "./flow-of.ts";
import { type FlowSink, type Subscription, createSubscribers } from "./subscribers.ts";
import { createThinning } from "./thinning.ts";

/** Flows since the start, by what was done with them and whose policies decided. */
export interface FlowCount {
  readonly verdict: FlowVerdict;
  readonly direction: "ingress" | "egress" | "none";
  /** Lines in the log. */
  readonly logged: number;
  /** Flows that were left out of the log, since the same had just been logged. */
  readonly suppressed: number;
}

export interface ObserverCounts {
  /** At most nine. */
  readonly flows: readonly FlowCount[];
  /** Packets that the kernel logged, and that did not get here. */
  readonly lost: number;
  /** Packets in our log group that none of our rules logged, or that cannot be read. */
  readonly unreadable: number;
  /** Whether packets are heard at all. */
  readonly listening: boolean;
}

/** Turns what the kernel reports of denied connections into flows, for the log and for whoever observes. */
export interface Observer {
  start(): void;
  stop(): void;
  /** Null: too many observe already. */
  subscribe(filter: FlowFilter, sink: FlowSink): Subscription | null;
  counts(): ObserverCounts;
}

export interface ObserverParts {
  /** What is in the kernel, or is about to be; null: not known yet. */
  readonly ruleset: () => Ruleset | null;
  /** `namespace/name` of the live pod that holds the address, on whatever node. */
  readonly podAt: (address: Address) => string | null;
  readonly node: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly netns: string | null;
  readonly group: number;
}

/** The same flow is logged once in so many milliseconds; so many different ones are kept in mind. */
const logEvery = 10_000;
const mostKinds = 4096;

const messages: Readonly<Record<FlowVerdict, string>> = {
  denied: "connection denied",
  "audit-denied": "connection allowed; it would be denied if the policies in audit were enforced",
  "audit-allowed": "connection denied; it would be allowed if the policies in audit were enforced",
};

function fieldsOf(flow: Flow): Fields {
  const { from, to } = flow;
  const nameOf = (end: Flow["from"]) => (end.pod === null ? end.address : `${end.namespace}/${end.pod}`);
  return {
    direction: flow.direction ?? undefined,
    reason: flow.reason,
    protocol: flow.protocol,
    from: nameOf(from),
    to: nameOf(to),
    port: to.port ?? undefined,
    policies: flow.policies.length > 0 ? flow.policies : undefined,
    rule: flow.rule ?? undefined,
    from_address: from.pod === null ? undefined : from.address,
    to_address: to.pod === null ? undefined : to.address,
    suppressed: flow.suppressed > 0 ? flow.suppressed : undefined,
  };
}

type Tally = { -readonly [name in keyof FlowCount]: FlowCount[name] };

function createTallies() {
  const tallies = new Map<string, Tally>();
  return {
    of: ({ verdict, direction }: Flow): Tally => {
      const key = `${verdict} ${direction}`;
      const tally = tallies.get(key) ?? { verdict, direction: direction ?? "none", logged: 0, suppressed: 0 };
      tallies.set(key, tally);
      return tally;
    },
    all: (): readonly FlowCount[] => [...tallies.values()].map((tally) => ({ ...tally })),
  };
}

export function createObserver(parts: ObserverParts): Observer {
  const { node, log, clock } = parts;
  const subscribers = createSubscribers(node, () => clock.now());
  const thinning = createThinning(logEvery, mostKinds);
  const tallies = createTallies();
  let lost = 0;
  let unreadable = 0;
  const take = (packet: LoggedPacket): void => {
    const now = clock.now();
    const flow = flowOf(packet, { ruleset: parts.ruleset(), podAt: parts.podAt, node }, now);
    if (flow === null) {
      unreadable += 1;
      return;
    }
    subscribers.publish(flow);
    const suppressed = thinning.pass(flow, now);
    const tally = tallies.of(flow);
    if (suppressed === null) tally.suppressed += 1;
    else {
      tally.logged += 1;
      log.info(messages[flow.verdict], fieldsOf({ ...flow, suppressed }));
    }
  };
  const ear = createEar(parts, { packet: take, lost: (count) => (lost += count) });
  return {
    start: () => ear.start(),
    stop: () => ear.stop(),
    subscribe: (filter, sink) => subscribers.subscribe(filter, sink),
    counts: () => ({ flows: tallies.all(), lost, unreadable, listening: ear.isListening() }),
  };
}
