import type { Counter, Gauge, Histogram, Registry } from "../observe/metrics.ts";
import { createRegistry } from "../observe/metrics.ts";
import type { Operation } from "./failures.ts";

/** What the loop counts; everything else is read when it is asked for (`exposition.ts`). */
export interface AgentMetrics {
  readonly registry: Registry;
  /** Seconds from a change being known to the agent until it is in the kernel. */
  readonly latency: Histogram;
  /** Seconds from the API server's time stamp on a change until it is in the kernel. */
  readonly apiLatency: Histogram;
  /** Seconds that the parts of that way take, by `step`. */
  readonly steps: { observe(step: Step, seconds: number): void };
  readonly transactions: Counter;
  readonly operations: { add(operation: Operation): void };
  readonly failures: { add(operation: Operation): void };
  readonly repairs: Counter;
  readonly findings: Gauge;
  readonly sourceFailures: Counter;
}

/**
 * The way of a change: `decode` reads it from what the API server sent, `queue` is the wait for the kernel to be free
 * and for what comes together, `compile` works out what has to change, then one of `apply`, `sync` and `check` brings
 * it into the kernel.
 */
export type Step = "decode" | "queue" | "compile" | "sync" | "apply" | "check";

/** Seconds; the aims lie between 0.3 ms and 100 ms. */
const latencyBounds = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

/** Seconds; the API server's stamps are whole seconds. */
const apiLatencyBounds = [0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
const stepBounds = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const steps: readonly Step[] = ["decode", "queue", "compile", "sync", "apply", "check"];

const operationKinds: readonly Operation[] = ["probe", "sync", "apply", "check"];

export function createAgentMetrics(): AgentMetrics {
  const registry = createRegistry();
  const perOperation = (name: string, help: string) => {
    const counter = registry.counter(name, help);
    // A counter that appears with its first failure cannot be alerted on: all are there from the start.
    for (const operation of operationKinds) counter.add({ operation }, 0);
    return { add: (operation: Operation) => counter.add({ operation }) };
  };
  const durations = registry.histogram(
    "portcullis_step_duration_seconds",
    "Time that one step of the way of a change into the kernel took.",
    stepBounds,
    steps.map((step) => ({ step })),
  );
  const metrics: AgentMetrics = {
    registry,
    latency: registry.histogram(
      "portcullis_enforcement_latency_seconds",
      "Time from a change being known to the agent until it is in the kernel.",
      latencyBounds,
    ),
    apiLatency: registry.histogram(
      "portcullis_api_enforcement_latency_seconds",
      "Time from the API server's stamp on a change until it is in the kernel. Stamps are whole seconds, rounded down, so this shows up to 1 s too much; what the clocks' difference makes negative or longer than an hour is left out.",
      apiLatencyBounds,
    ),
    steps: { observe: (step, seconds) => durations.observe(seconds, { step }) },
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
    sourceFailures: registry.counter(
      "portcullis_source_failures_total",
      "Times the source could not be read or followed.",
    ),
  };
  metrics.transactions.add({}, 0);
  metrics.repairs.add({}, 0);
  metrics.sourceFailures.add({}, 0);
  metrics.findings.set(0);
  return metrics;
}
