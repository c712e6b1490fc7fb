import type { NameSets } from "../../dataplane/dataplane.ts";
import type { RulesetChange } from "../../ir/change.ts";
import type { Ruleset } from "../../ir/ruleset.ts";
import type { Address } from "../../net/address.ts";
import { type NameTable, nameTableOf } from "../../names/subjects.ts";
import type { Log } from "../../observe/log.ts";
import type { Clock } from "../../system/clock.ts";
import type { FromThread } from "./messages.ts";
import { createNameKernel } from "./name-kernel.ts";
import { type NameCounts, newCounts, readCounts } from "./tallies.ts";
import { type NameThread, startNameThread } from "./thread.ts";

export interface NameSettings {
  readonly netns: string | null;
  readonly queue: number;
  /** Seconds. */
  readonly minTtl: number;
  readonly maxTtl: number;
  readonly grace: number;
}

export interface LearningCounts extends NameCounts {
  readonly isListening: boolean;
  /** Names that policies of pods of this node speak of, and how many of its addresses belong to such pods. */
  readonly patterns: number;
  readonly subjects: number;
  /** Addresses that the kernel refused. */
  readonly refused: number;
}

/** Learns names while policies of pods of this node speak of some. */
export interface NameLearning {
  /** The kernel holds this Ruleset now. `change`: what brought it there; null: it was compared as a whole. */
  enforced(ruleset: Ruleset, change: RulesetChange | null): void;
  counts(): LearningCounts;
  /** Lets waiting answers go; what was learned stays in the kernel. */
  stop(): Promise<void>;
}

export interface LearningParts extends NameSettings {
  readonly names: NameSets;
  readonly clock: Clock;
  readonly log: Log;
  readonly podAt: (address: Address) => string | null;
  /** The seam at which tests drive it without a kernel. */
  readonly startThread?: typeof startNameThread;
}

const retryAfter = 10_000;

const remedies: Readonly<Record<string, string>> = {
  EPERM:
    "if another program (another agent, an intrusion prevention system) has this queue, end it or choose another one with --dns-queue; else give the agent CAP_NET_ADMIN",
  ENOENT: "load the kernel module nfnetlink_queue, or turn this off with --dns-queue 0",
  EINVAL: "load the kernel module nfnetlink_queue, or turn this off with --dns-queue 0",
};

const touchesNames = (change: RulesetChange): boolean =>
  change.node !== null ||
  change.endpoints.length + change.goneEndpoints.length > 0 ||
  change.newDomainSets.length + change.goneDomainSets.length > 0;

const nobody: NameTable = { sets: [], classes: [], subjects: [] };

/** What an operator is to know of a limit that was met. */
function tellLimit({ log, podAt }: LearningParts, { limit, pod, name }: Extract<FromThread, { kind: "over" }>): void {
  log.warn("not everything that DNS answers say is learned: there is too much of it (told once an hour)", {
    limit,
    pod: podAt(pod as Address) ?? pod,
    name,
    effect: "connections to the addresses that were left out are denied",
    do: "see docs/domain-names.md for the limits; allow such networks by their addresses",
  });
}

export function createNameLearning(parts: LearningParts): NameLearning {
  const { log, clock } = parts;
  const shared = newCounts();
  const over = new AbortController();
  let table = nobody;
  let tableText = JSON.stringify(nobody);
  let thread: NameThread | null = null;
  let listening = false;
  let told: string | null = null;
  /** While it is waited with the next try. */
  let pausing = false;
  /** The last thread, until it has given the queue up: another one could not have it. */
  let ending: Promise<void> | null = null;

  const kernel = createNameKernel({ ...parts, signal: over.signal, send: (message) => thread?.send(message) });

  const take = (message: FromThread): void => {
    switch (message.kind) {
      case "listening":
        listening = true;
        told = null;
        return log.info("learning names from DNS answers", { queue: parts.queue, pods: table.subjects.length });
      case "learn":
        return kernel.learn(message.number, message.entries);
      case "grace-over":
        return kernel.decideAnew();
      case "over":
        return tellLimit(parts, message);
      case "ended":
        return undefined;
    }
  };

  const tellEnd = (reason: Error): void => {
    if (reason.message === told) return;
    told = reason.message;
    const code = "code" in reason && typeof reason.code === "string" ? reason.code : "";
    log.error("names are not learned from DNS answers: what is known stays until its time is over, DNS goes on", {
      error: reason.message,
      queue: parts.queue,
      effect: "rules with domainNames let nothing through that was not learned before",
      do: remedies[code],
      next_try: `every ${retryAfter / 1000} s`,
    });
  };

  const tryLater = async (): Promise<void> => {
    pausing = true;
    await clock.sleep(retryAfter, over.signal);
    pausing = false;
    start();
  };

  const failed = (reason: Error): void => {
    listening = false;
    thread = null;
    tellEnd(reason);
    void tryLater();
  };

  const startOne = (): NameThread => {
    const { netns, queue, minTtl, maxTtl, grace } = parts;
    const started = (parts.startThread ?? startNameThread)(
      { netns, queue, minTtl, maxTtl, grace, counts: shared },
      { message: take, ended: (reason) => (thread === started ? failed(reason) : undefined) },
    );
    return started;
  };

  const start = (): void => {
    if (thread !== null || ending !== null || pausing || over.signal.aborted || table.subjects.length === 0) return;
    try {
      thread = startOne();
    } catch (error) {
      // No descriptor or no memory left for a thread: enforcing goes on without names.
      failed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    thread.send({ kind: "follow", table });
    kernel.begin();
  };

  const ended = async (last: NameThread): Promise<void> => {
    await last.stop();
    ending = null;
    start();
  };

  const end = async (): Promise<void> => {
    const last = thread;
    thread = null;
    listening = false;
    if (last !== null) ending = ended(last);
    await ending;
  };

  return {
    enforced: (ruleset, change) => {
      if (change !== null && !touchesNames(change)) return;
      const next = nameTableOf(ruleset);
      const text = JSON.stringify(next);
      const isNew = text !== tableText;
      [table, tableText] = [next, text];
      if (next.subjects.length === 0) return void end();
      if (thread === null) return start();
      if (isNew) thread.send({ kind: "follow", table });
      // A new set holds from the start what others held for its names.
      if (change === null || change.newDomainSets.length > 0) kernel.compare();
      return undefined;
    },
    counts: () => ({
      ...readCounts(shared),
      isListening: listening,
      patterns: table.subjects.length === 0 ? 0 : new Set(table.sets.flatMap(({ patterns }) => patterns)).size,
      subjects: table.subjects.length,
      refused: kernel.refused(),
    }),
    stop: async () => {
      over.abort();
      await end();
    },
  };
}
