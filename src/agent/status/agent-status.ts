import type { Finding, SourceHealth } from "../../source/source.ts";
import type { InForce } from "../ledger.ts";
import type { LearningCounts } from "../names/learning.ts";
import type { Denied } from "../kernel-counters.ts";
import type { Standing } from "../standing.ts";
import type { PolicyStatus, PolicyState } from "./policy-status.ts";

/** What `GET /v1/status` answers and `portcullis status -o json` prints. The keys stand in this order. */
export interface AgentStatus {
  readonly apiVersion: "portcullis.dev/v1";
  readonly kind: "AgentStatus";
  readonly node: string;
  readonly version: string;
  readonly dataplane: string;
  /** Version of what the dataplane keeps in the kernel; null: it has none. */
  readonly layout: number | null;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly degraded: string | null;
  /** Null: a folder is followed. */
  readonly source: SourceStatus | null;
  readonly enforced: {
    readonly digest: string;
    readonly at: string;
    readonly resourceVersions: Readonly<Record<string, string>>;
  } | null;
  /** Since the oldest change happened that the kernel does not have; 0: it has all. */
  readonly lagSeconds: number;
  readonly counts: Readonly<Record<PolicyState, number>>;
  /** Those with a problem first. */
  readonly policies: readonly PolicyStatus[];
  /** So many more policies there are than `policies` lists. */
  readonly policiesOmitted: number;
  readonly errors: readonly { readonly object: string; readonly message: string }[];
  readonly errorsOmitted: number;
  /** Packets that were denied in the last one and five minutes. */
  readonly denied: { readonly lastMinute: Denied; readonly lastFiveMinutes: Denied };
  /** Differences that somebody else made in the kernel, and that were repaired since the agent started. */
  readonly repairs: number;
  /** Whose pods no policy isolates, since the operator said so. */
  readonly exemptNamespaces: readonly string[];
  /** Null: domain names are not learned here. */
  readonly names: {
    /** False too where no policy of a pod of this node names a domain. */
    readonly listening: boolean;
    readonly patterns: number;
    readonly addresses: number;
  } | null;
}

/** How the API server is seen. */
export interface SourceStatus {
  readonly connected: boolean;
  readonly reason: string | null;
  readonly lastHeard: string | null;
  readonly resources: readonly {
    readonly resource: string;
    readonly state: string;
    readonly resourceVersion: string;
    readonly objects: number;
    readonly failures: number;
  }[];
}

/** What a status is put together from. */
export interface StatusFacts {
  readonly node: string;
  readonly version: string;
  readonly dataplane: string;
  readonly layout: number | null;
  readonly standing: Standing;
  readonly degraded: string | null;
  readonly health: SourceHealth | null;
  readonly inForce: InForce | null;
  readonly lag: number;
  readonly policies: readonly PolicyStatus[];
  /** Only the policy of this id is asked for; null: all are. */
  readonly asked: string | null;
  readonly findings: readonly Finding[];
  readonly deniedIn: (milliseconds: number) => Denied;
  readonly repairs: number;
  readonly exemptNamespaces: readonly string[];
  readonly names: LearningCounts | null;
}

/** An answer stays below some megabytes, however many policies there are. */
const mostPolicies = 5000;
const mostErrors = 200;

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

function sourceStatus(health: SourceHealth): SourceStatus {
  return {
    connected: health.connected,
    reason: health.reason,
    lastHeard: health.lastHeard === null ? null : timeOf(health.lastHeard),
    resources: health.resources.map(({ resource, state, resourceVersion, objects, failures }) => ({
      resource,
      state,
      resourceVersion,
      objects,
      failures,
    })),
  };
}

/** How many policies are in which state. */
export function countStates(policies: readonly PolicyStatus[]): Readonly<Record<PolicyState, number>> {
  const counts = { enforced: 0, pending: 0, invalid: 0, audit: 0, unsupported: 0 };
  for (const { state } of policies) counts[state] += 1;
  return counts;
}

const isTrouble = (state: PolicyState): boolean => state !== "enforced" && state !== "audit";

/** Those with a problem first, then by id. */
function inOrder(policies: readonly PolicyStatus[]): readonly PolicyStatus[] {
  return policies.toSorted(
    (a, b) => Number(isTrouble(b.state)) - Number(isTrouble(a.state)) || (a.id < b.id ? -1 : Number(a.id > b.id)),
  );
}

export function agentStatus(facts: StatusFacts): AgentStatus {
  const { standing, inForce, asked } = facts;
  const chosen = inOrder(facts.policies.filter(({ id }) => asked === null || id === asked));
  const errors = facts.findings
    .filter(({ object }) => asked === null || object === asked)
    .map(({ object, message }) => ({ object, message }));
  return {
    apiVersion: "portcullis.dev/v1",
    kind: "AgentStatus",
    node: facts.node,
    version: facts.version,
    dataplane: facts.dataplane,
    layout: facts.layout,
    ready: standing.ready,
    reason: standing.reason,
    degraded: facts.degraded,
    source: facts.health === null ? null : sourceStatus(facts.health),
    enforced:
      inForce === null
        ? null
        : {
            digest: inForce.digest,
            at: timeOf(inForce.at),
            resourceVersions: Object.fromEntries([...inForce.resourceVersions].sort(([a], [b]) => (a < b ? -1 : 1))),
          },
    lagSeconds: Math.round(facts.lag * 1000) / 1000,
    counts: countStates(facts.policies),
    policies: chosen.slice(0, mostPolicies),
    policiesOmitted: Math.max(0, chosen.length - mostPolicies),
    errors: errors.slice(0, mostErrors),
    errorsOmitted: Math.max(0, errors.length - mostErrors),
    denied: { lastMinute: facts.deniedIn(60_000), lastFiveMinutes: facts.deniedIn(300_000) },
    repairs: facts.repairs,
    exemptNamespaces: facts.exemptNamespaces,
    names: facts.names && {
      listening: facts.names.isListening,
      patterns: facts.names.patterns,
      addresses: facts.names.addresses,
    },
  };
}
