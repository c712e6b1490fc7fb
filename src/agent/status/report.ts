import type { Clock } from "../../system/clock.ts";
import type { Enforcer } from "../enforcer.ts";
import type { KernelCounters } from "../kernel-counters.ts";
import { type Route, send } from "../server.ts";
import type { NameLearning } from "../names/learning.ts";
import type { Sight } from "../sight.ts";
import { type AgentStatus, agentStatus, countStates } from "./agent-status.ts";
import { type PolicyState, type PolicyStatus, policyStatuses } from "./policy-status.ts";

export interface ReportParts {
  readonly node: string;
  readonly version: string;
  readonly dataplane: string;
  readonly layout: number | null;
  readonly audit: boolean;
  readonly exemptNamespaces?: readonly string[];
  readonly enforcer: Pick<Enforcer, "standing" | "ruleset" | "findings" | "ledger" | "lag" | "repairs" | "unsupported">;
  readonly sight: Pick<Sight, "degraded" | "health">;
  readonly counters: KernelCounters;
  /** Null: no names are learned. */
  readonly names: Pick<NameLearning, "counts"> | null;
  readonly clock: Clock;
}

/** What the agent tells of itself to the commands on this node. */
export interface Report {
  /** `asked`: the id of the only policy that is wanted; null: all. */
  status(asked: string | null): AgentStatus;
  /** How many policies are in which state. */
  policyStates(): Readonly<Record<PolicyState, number>>;
}

export function createReport(parts: ReportParts): Report {
  const { enforcer, sight, counters } = parts;
  const statuses = (withPods: boolean): readonly PolicyStatus[] =>
    policyStatuses({
      entries: enforcer.ledger.entries(),
      findings: enforcer.findings(),
      ruleset: withPods ? enforcer.ruleset() : null,
      audit: parts.audit,
      unsupported: enforcer.unsupported(),
    });
  return {
    status: (asked) =>
      agentStatus({
        node: parts.node,
        version: parts.version,
        dataplane: parts.dataplane,
        layout: parts.layout,
        standing: enforcer.standing(),
        degraded: sight.degraded(),
        health: sight.health(),
        inForce: enforcer.ledger.inForce(),
        lag: enforcer.lag(),
        policies: statuses(true),
        asked,
        findings: enforcer.findings(),
        deniedIn: (milliseconds) => counters.deniedIn(milliseconds),
        repairs: enforcer.repairs(),
        exemptNamespaces: parts.exemptNamespaces ?? [],
        names: parts.names?.counts() ?? null,
      }),
    policyStates: () => countStates(statuses(false)),
  };
}

/** `/v1/status?policy=`: one JSON object. */
export function statusRoute(report: Report, counters: Pick<KernelCounters, "refresh">): Route {
  return async (query, response) => {
    await counters.refresh();
    send(response, 200, "application/json", `${JSON.stringify(report.status(query.get("policy")))}\n`);
  };
}
