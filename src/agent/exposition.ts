import type { Ruleset } from "../ir/ruleset.ts";
import type { LabelValues, Registry, Sample } from "../observe/metrics.ts";
import { registerDropLog } from "./drop-log-metrics.ts";
import type { Enforcer } from "./enforcer.ts";
import { registerDecisions } from "./decision-metrics.ts";
import type { KernelCounters } from "./kernel-counters.ts";
import type { Learned } from "./learned.ts";
import type { NameLearning } from "./names/learning.ts";
import { registerNames } from "./names/name-metrics.ts";
import type { Observer } from "./observing/observe.ts";
import { registerProcess } from "./process-metrics.ts";
import type { Sight } from "./sight.ts";
import { registerSource } from "./source-metrics.ts";
import type { PolicyState } from "./status/policy-status.ts";

export interface ExpositionParts {
  readonly registry: Registry;
  readonly enforcer: Pick<Enforcer, "standing" | "ruleset" | "counts" | "lag">;
  readonly sight: Pick<Sight, "connected" | "degraded" | "health">;
  readonly counters: KernelCounters;
  /** How many policies are in which state. */
  readonly policyStates: () => Readonly<Record<PolicyState, number>>;
  readonly build: LabelValues;
  /** Null: there is no drop log. */
  readonly observer: Pick<Observer, "counts"> | null;
  /** Null: no names are learned. */
  readonly names: Pick<NameLearning, "counts"> | null;
  readonly learned?: Pick<Learned, "entries">;
  readonly cluster?: { readonly requests: () => readonly Sample[] } | null;
}

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

/** Registers what is read when it is asked for; gives the function that answers `/metrics`. */
export function createExposition(parts: ExpositionParts): () => Promise<string> {
  const { registry, enforcer, counters } = parts;
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
    "portcullis_enforcement_lag_seconds",
    "Time since the oldest change that is known and not in the kernel yet; 0: all are.",
    "gauge",
    () => one(enforcer.lag()),
  );
  registry.observed(
    "portcullis_objects",
    "Objects that count, by kind: live pods, namespaces, nodes, policies in force.",
    "gauge",
    () => Object.entries(enforcer.counts()).map(([kind, value]) => ({ labels: { kind }, value })),
  );
  registry.observed(
    "portcullis_policies",
    "Policies by state: enforced, pending, invalid, audit, unsupported; portcullis status names them.",
    "gauge",
    () => Object.entries(parts.policyStates()).map(([state, value]) => ({ labels: { state }, value })),
  );
  registerSizes(registry, () => enforcer.ruleset());
  registry.observed(
    "portcullis_learned_addresses",
    "Addresses outside the known pod ranges that pods of this node have or had lately: denied while no known pod has them.",
    "gauge",
    () => one(parts.learned?.entries().size ?? 0),
  );
  registerSource(registry, parts.sight);
  const { cluster = null } = parts;
  if (cluster !== null) {
    registry.observed(
      "portcullis_api_requests_total",
      "Requests to the API server, by method and by the code of its answer; unreachable: there was none.",
      "counter",
      () => cluster.requests(),
    );
  }
  registerProcess(registry);
  if (parts.observer !== null) registerDropLog(registry, parts.observer);
  const { names } = parts;
  if (names !== null) registerNames(registry, () => names.counts());
  registerDecisions(registry, counters);
  return async () => {
    await counters.refresh();
    return registry.text();
  };
}
