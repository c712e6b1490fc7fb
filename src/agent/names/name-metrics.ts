import type { Registry, Sample } from "../../observe/metrics.ts";
import type { LearningCounts } from "./learning.ts";

const one = (value: number): readonly Sample[] => [{ labels: {}, value }];

/** What came of DNS packets, and what is known by now. */
export function registerNames(registry: Registry, counts: () => LearningCounts): void {
  const counter = (name: string, help: string, read: (counts: LearningCounts) => readonly Sample[]) =>
    registry.observed(name, help, "counter", () => read(counts()));
  const gauge = (name: string, help: string, read: (counts: LearningCounts) => number) =>
    registry.observed(name, help, "gauge", () => one(read(counts())));
  gauge(
    "portcullis_dns_listening",
    "1 while DNS packets are read from the kernel's queue; 0 where no policy of a pod of this node names a domain, or where it fails (the log tells).",
    ({ isListening }) => (isListening ? 1 : 0),
  );
  gauge(
    "portcullis_dns_patterns",
    "Domain names and wildcards that policies of pods of this node name.",
    (now) => now.patterns,
  );
  gauge(
    "portcullis_dns_addresses",
    "Learned addresses in domain sets, those in their grace included.",
    (now) => now.addresses,
  );
  gauge("portcullis_dns_pending_queries", "Queries for such names that are not answered yet.", (now) => now.pending);
  gauge(
    "portcullis_dns_tcp_streams",
    "Directions of TCP connections to resolvers that are followed.",
    (now) => now.streams,
  );
  counter("portcullis_dns_queries_total", "Queries of pods for names that their policies name.", (now) =>
    one(now.queries),
  );
  counter(
    "portcullis_dns_answers_total",
    "Answers to such pods, by what came of them: learned and known were of use, docs/domain-names.md tells of the others.",
    ({ answers }) => answers.map(({ result, count }) => ({ labels: { result }, value: count })),
  );
  counter(
    "portcullis_dns_ignored_packets_total",
    "Packets that no DNS message could be taken from, by reason. They are delivered.",
    ({ ignoredPackets }) => ignoredPackets.map(({ reason, count }) => ({ labels: { reason }, value: count })),
  );
  counter(
    "portcullis_dns_over_limit_total",
    "Addresses, and answers to queries, that were not learned since there are too many of one name, pod, set or node.",
    ({ over }) => over.map(({ limit, count }) => ({ labels: { limit }, value: count })),
  );
  counter("portcullis_dns_refused_addresses_total", "Addresses that the kernel did not take.", (now) =>
    one(now.refused),
  );
  counter("portcullis_dns_held_answers_total", "Answers that waited for their addresses to be in the kernel.", (now) =>
    one(now.held),
  );
  counter(
    "portcullis_dns_late_answers_total",
    "Answers that were delivered before their addresses were in the kernel, since that took longer than a second.",
    (now) => one(now.late),
  );
  counter(
    "portcullis_dns_unseen_packets_total",
    "Packets that were delivered without being read, since they came faster than that.",
    (now) => one(now.lost),
  );
}
