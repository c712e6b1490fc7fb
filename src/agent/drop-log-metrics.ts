import type { Registry, Sample } from "../observe/metrics.ts";
import type { FlowCount, Observer } from "./observing/observe.ts";

const verdicts: readonly FlowCount["verdict"][] = ["denied", "audit-denied", "audit-allowed"];
const directions: readonly FlowCount["direction"][] = ["ingress", "egress", "none"];

/** A series for each verdict and direction that can be, so that an alert sees the first flow of its kind. */
function samplesOf(flows: readonly FlowCount[], read: (count: FlowCount) => number): readonly Sample[] {
  return verdicts.flatMap((verdict) =>
    directions.map((direction) => {
      const found = flows.find((flow) => flow.verdict === verdict && flow.direction === direction);
      return { labels: { verdict, direction }, value: found === undefined ? 0 : read(found) };
    }),
  );
}

/** What came of the packets that the kernel reported. The kernel reports each pair of addresses now and then only. */
export function registerDropLog(registry: Registry, observer: Pick<Observer, "counts">): void {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
  registry.observed(
    "portcullis_drop_log_flows_total",
    "Flows that the kernel reported and the log tells of. For the number of packets see portcullis_denied_packets_total.",
    "counter",
    () => samplesOf(observer.counts().flows, ({ logged }) => logged),
  );
  registry.observed(
    "portcullis_drop_log_suppressed_total",
    "Flows that the kernel reported and the log leaves out, since the same had just been logged.",
    "counter",
    () => samplesOf(observer.counts().flows, ({ suppressed }) => suppressed),
  );
  registry.observed(
    "portcullis_drop_log_lost_packets_total",
    "Packets that the kernel reported and the agent was too slow to take: they are not in the log.",
    "counter",
    () => one(observer.counts().lost),
  );
  registry.observed(
    "portcullis_drop_log_unreadable_packets_total",
    "Packets in the log group that no rule of ours reported: another program uses the same group.",
    "counter",
    () => one(observer.counts().unreadable),
  );
  registry.observed("portcullis_drop_log_listening", "1 while the kernel's reports are heard.", "gauge", () =>
    one(observer.counts().listening ? 1 : 0),
  );
}
