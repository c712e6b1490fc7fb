import type { Dataplane, PolicyCounter } from "../dataplane/dataplane.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import type { LabelValues, Registry, Sample } from "../observe/metrics.ts";
import type { Clock } from "../system/clock.ts";
import type { Enforcer } from "./enforcer.ts";

export interface ExpositionParts {
  readonly registry: Registry;
  readonly enforcer: Pick<Enforcer, "standing" | "ruleset" | "counts" | "exclusive">;
  readonly dataplane: Pick<Dataplane, "counters" | "name">;
  readonly clock: Clock;
  readonly build: LabelValues;
}

/** Counters of the kernel are read at most this often, however often somebody asks. */
const counterAge = 1000;
/** How long an answer waits for the kernel's counters before it gives the last ones. */
const counterPatience = 2000;
/** At most this many policy counters; the rest is summed up, so that nobody's names can fill a monitoring system. */
const mostCounters = 2000;

const one = (value: number | bigint): readonly Sample[] => [{ labels: {}, value }];

function memberCount(ruleset: Ruleset): number {
  let count = 0;
  for (const { members } of ruleset.groups.values()) count += members.size;
  for (const { members } of ruleset.pairSets.values()) count += members.size;
  return count;
}

/** Policies and the other sizes of what is in force. */
function registerSizes(registry: Registry, ruleset: () => Ruleset | null): void {
  const size = (name: string, help: string, read: (ruleset: Ruleset) => number) =>
    registry.observed(name, help, "gauge", () => {
      const wanted = ruleset();
      return wanted === null ? [] : one(read(wanted));
    });
  size(
    "portcullis_endpoints",
    "Addresses of pods of this node, and of known pods elsewhere in its ranges.",
    (wanted) => wanted.endpoints.size,
  );
  size("portcullis_chains", "Decisions shared by endpoints with the same policies.", (wanted) => wanted.chains.size);
  size("portcullis_groups", "Address sets, one for each selector in use.", (wanted) => wanted.groups.size);
  size("portcullis_set_elements", "Members of all groups and pair sets.", memberCount);
  registry.observed("portcullis_isolating_policies", "NetworkPolicies that isolate pods of this node.", "gauge", () => {
    const wanted = ruleset();
    if (wanted === null) return [];
    return one(new Set([...wanted.chains.values()].flatMap((chain) => chain.isolatedBy)).size);
  });
}

function registerProcess(registry: Registry): void {
  const started = Date.now() / 1000 - process.uptime();
  registry.observed("process_start_time_seconds", "Start of the process, seconds since the epoch.", "gauge", () =>
    one(started),
  );
  registry.observed("process_resident_memory_bytes", "Resident memory in bytes.", "gauge", () =>
    one(process.memoryUsage.rss()),
  );
  registry.observed("process_cpu_seconds_total", "Processor time in seconds.", "counter", () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1e6);
  });
}

/** Names in order, those over the limit summed up under `(other)`. */
function bounded(counters: readonly PolicyCounter[], read: (counter: PolicyCounter) => bigint): Sample[] {
  const sorted = counters.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const shown = sorted
    .slice(0, mostCounters)
    .map((counter) => ({ labels: { counter: counter.name }, value: read(counter) }));
  const rest = sorted.slice(mostCounters);
  if (rest.length === 0) return shown;
  return [...shown, { labels: { counter: "(other)" }, value: rest.reduce((sum, counter) => sum + read(counter), 0n) }];
}

/** Reads the kernel's counters, but not more often than `counterAge` and one at a time. */
function createCounterReader({ enforcer, dataplane, clock }: ExpositionParts) {
  let latest: readonly PolicyCounter[] = [];
  let readAt = -Infinity;
  let running: Promise<void> | null = null;
  const read = async (): Promise<void> => {
    try {
      latest = await enforcer.exclusive(() => dataplane.counters());
      readAt = performance.now();
    } catch {
      // The loop meets the same kernel and says what is wrong with it; here the last values stand.
    } finally {
      running = null;
    }
  };
  return {
    latest: () => latest,
    refresh: async (): Promise<void> => {
      if (performance.now() - readAt < counterAge) return;
      running ??= read();
      const over = new AbortController();
      await Promise.race([running, clock.sleep(counterPatience, over.signal)]);
      over.abort();
    },
  };
}

/** Registers what is read when it is asked for; gives the function that answers `/metrics`. */
export function createExposition(parts: ExpositionParts): () => Promise<string> {
  const { registry, enforcer } = parts;
  registry.observed("portcullis_build_info", "Version, dataplane and node of this agent; always 1.", "gauge", () => [
    { labels: parts.build, value: 1 },
  ]);
  registry.observed(
    "portcullis_ready",
    "1 if the kernel enforces what the source says; /readyz tells why not.",
    "gauge",
    () => one(enforcer.standing().ready ? 1 : 0),
  );
  registry.observed(
    "portcullis_objects",
    "Objects that count, by kind: live pods, namespaces, nodes, policies in force.",
    "gauge",
    () => Object.entries(enforcer.counts()).map(([kind, value]) => ({ labels: { kind }, value })),
  );
  registerSizes(registry, () => enforcer.ruleset());
  registerProcess(registry);
  const counters = createCounterReader(parts);
  registry.observed(
    "portcullis_policy_decisions_packets_total",
    "Packets that a rule of a policy, or a drop, decided (the first of a connection, and first ones after a change).",
    "counter",
    () => bounded(counters.latest(), ({ packets }) => packets),
  );
  return async () => {
    await counters.refresh();
    return registry.text();
  };
}
