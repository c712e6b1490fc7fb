import type { Counter, Gauge, Histogram, Registry } from "../observe/metrics.ts";
import { createRegistry } from "../observe/metrics.ts";
import type { Operation } from "./failures.ts";

/** What the loop counts; everything else is read when it is asked for (`exposition.ts`). */
export interface AgentMetrics {
  readonly registry: Registry;
  /** Seconds from a change being known to the agent until it is in the kernel. */
  readonly latency: Histogram;
  readonly transactions: Counter;
  readonly operations: { add(operation: Operation): void };
  readonly failures: { add(operation: Operation): void };
  readonly repairs: Counter;
  readonly findings: Gauge;
  readonly connected: Gauge;
  readonly sourceFailures: Counter;
}

/** Seconds; the aims lie between 0.3 ms and 100 ms. */
const latencyBounds = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

const operationKinds: readonly Operation[] = ["probe", "sync", "apply", "check"];

export function createAgentMetrics(): AgentMetrics {
  const registry = createRegistry();
  const perOperation = (name: string, help: string) => {
    const counter = registry.counter(name, help);
    // A counter that appears with its first failure cannot be alerted on: all are there from the start.
    for (const operation of operationKinds) counter.add({ operation }, 0);
    return { add: (operation: Operation) => counter.add({ operation }) };
  };
  const metrics: AgentMetrics = {
    registry,
    latency: registry.histogram(
      "portcullis_enforcement_latency_seconds",
      "Time from a change being known to the agent until it is in the kernel.",
      latencyBounds,
    ),
    transactions: registry.counter("portcullis_transactions_total", "Transactions that the kernel took."),
    operations: perOperation(
      "portcullis_operations_total",
      "What was done to the kernel, by kind: a change applied, a full sync, a check.",
    ),
    failures: perOperation(
      "portcullis_operation_failures_total",
      "Operations that the kernel refused. What was in force stays in force; the log says what to do.",
    ),
    repairs: registry.counter(
      "portcullis_repairs_total",
      "Differences in our part of the kernel that somebody else made and a check repaired.",
    ),
    findings: registry.gauge(
      "portcullis_input_findings",
      "Things wrong with the input that hold now; the log names them.",
    ),
    connected: registry.gauge("portcullis_source_connected", "1 while the source is being followed."),
    sourceFailures: registry.counter(
      "portcullis_source_failures_total",
      "Times the source could not be read or followed.",
    ),
  };
  metrics.transactions.add({}, 0);
  metrics.repairs.add({}, 0);
  metrics.sourceFailures.add({}, 0);
  metrics.connected.set(0);
  metrics.findings.set(0);
  return metrics;
}
