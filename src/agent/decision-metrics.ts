import type { CountedVerdict, PolicyCounter } from "../dataplane/dataplane.ts";
import type { LabelValues, Registry, Sample } from "../observe/metrics.ts";
import { type KernelCounters, countedDirections } from "./kernel-counters.ts";

/** At most this many series by policy in a family; the rest is summed up, so that nobody's names can fill a monitoring system. */
const mostCounters = 2000;

/** A sample whose first label anybody can name. */
interface Named {
  readonly label: string;
  readonly name: string;
  /** Labels of few values. */
  readonly more: LabelValues;
  readonly value: bigint;
}

/** In order of their names, those over the limit summed up under `(other)`. */
function bounded(samples: readonly Named[]): Sample[] {
  const sorted = samples.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const shown = sorted.slice(0, mostCounters);
  const others = new Map<string, Named>();
  for (const sample of sorted.slice(mostCounters)) {
    const key = JSON.stringify(sample.more);
    others.set(key, { ...sample, name: "(other)", value: sample.value + (others.get(key)?.value ?? 0n) });
  }
  return [...shown, ...others.values()].map(({ label, name, more, value }) => ({
    labels: { [label]: name, ...more },
    value,
  }));
}

const auditVerdicts = new Map<CountedVerdict, string>([
  ["audit-deny", "deny"],
  ["audit-accept", "accept"],
]);

const decisions = (counters: readonly PolicyCounter[]): readonly Named[] =>
  counters
    .filter(({ verdict }) => !auditVerdicts.has(verdict))
    .map(({ name, packets }) => ({ label: "counter", name, more: {}, value: packets }));

/** What a decision of several policies in audit counted counts for each of them. */
function auditsByPolicy(counters: readonly PolicyCounter[]): readonly Named[] {
  const found = new Map<string, Named>();
  for (const { verdict, direction, policies = [], packets } of counters) {
    const more = { verdict: auditVerdicts.get(verdict) ?? verdict, direction: direction ?? "none" };
    for (const name of policies) {
      const key = JSON.stringify([name, more]);
      found.set(key, { label: "policy", name, more, value: packets + (found.get(key)?.value ?? 0n) });
    }
  }
  return [...found.values()];
}

/** What the kernel counted: bounded by directions, then by policy. */
export function registerDecisions(registry: Registry, counters: Pick<KernelCounters, "latest" | "total">): void {
  registry.observed(
    "portcullis_denied_packets_total",
    "Packets that were denied, by the direction whose policies decided; none: an unknown address, or an untracked packet. A client that tries again counts again.",
    "counter",
    () => countedDirections.map((direction) => ({ labels: { direction }, value: counters.total("deny", direction) })),
  );
  registry.observed(
    "portcullis_accepted_connections_total",
    "Times that a rule of a policy accepted a connection of an isolated pod: once when it opens, and again after a change.",
    "counter",
    () =>
      (["ingress", "egress"] as const).map((direction) => ({
        labels: { direction },
        value: counters.total("accept", direction),
      })),
  );
  registry.observed(
    "portcullis_audit_packets_total",
    "First packets of connections that would be decided otherwise if the policies in audit counted: deny, what passes and would be denied; accept, the other way.",
    "counter",
    () =>
      (["ingress", "egress"] as const).flatMap((direction) => [
        { labels: { verdict: "deny", direction }, value: counters.total("audit-deny", direction) },
        { labels: { verdict: "accept", direction }, value: counters.total("audit-accept", direction) },
      ]),
  );
  registry.observed(
    "portcullis_policy_decisions_packets_total",
    "Packets that a rule of a policy, or a drop, decided (the first of a connection, and first ones after a change).",
    "counter",
    () => bounded(decisions(counters.latest())),
  );
  registry.observed(
    "portcullis_policy_audit_packets_total",
    "First packets of connections that would be decided otherwise if the policies in audit counted, by each policy in audit that has a say there: what several decide together counts for each.",
    "counter",
    () => bounded(auditsByPolicy(counters.latest())),
  );
}
