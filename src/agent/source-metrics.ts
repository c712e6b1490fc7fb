import type { Registry, Sample } from "../observe/metrics.ts";
import type { ResourceHealth } from "../source/source.ts";
import type { Sight } from "./sight.ts";

const states: readonly ResourceHealth["state"][] = ["listing", "watching", "waiting", "absent"];

/** What the source tells of itself, a series for each resource that it reads. */
export function registerSource(registry: Registry, sight: Pick<Sight, "connected" | "degraded" | "health">): void {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
  registry.observed(
    "portcullis_source_connected",
    "1 while every change of the source would be seen; what is in force stays in force whatever this says.",
    "gauge",
    () => one(sight.connected() ? 1 : 0),
  );
  registry.observed(
    "portcullis_source_degraded",
    "1 while changes have not been seen for some seconds; /readyz tells why.",
    "gauge",
    () => one(sight.degraded() === null ? 0 : 1),
  );
  registry.observed(
    "portcullis_source_last_heard_timestamp_seconds",
    "When the API server was last heard, seconds since the epoch.",
    "gauge",
    () => {
      const heard = sight.health()?.lastHeard ?? null;
      return heard === null ? [] : one(heard / 1000);
    },
  );
  const each = (name: string, help: string, type: "counter" | "gauge", read: (resource: ResourceHealth) => number) =>
    registry.observed(name, help, type, () =>
      (sight.health()?.resources ?? []).map((resource) => ({
        labels: { resource: resource.resource },
        value: read(resource),
      })),
    );
  each("portcullis_source_objects", "Objects that are known, by resource.", "gauge", ({ objects }) => objects);
  each("portcullis_source_lists_total", "Full lists that were read, by resource.", "counter", ({ lists }) => lists);
  each("portcullis_source_watches_total", "Watches that were opened.", "counter", ({ watches }) => watches);
  each(
    "portcullis_source_watch_failures_total",
    "Lists and watches that failed.",
    "counter",
    ({ failures }) => failures,
  );
  each("portcullis_source_events_total", "Events of watches that were taken.", "counter", ({ events }) => events);
  each("portcullis_source_received_bytes_total", "Bytes read from the API server.", "counter", ({ bytes }) => bytes);
  each(
    "portcullis_source_read_seconds_total",
    "Time that decoding what the API server sent took.",
    "counter",
    ({ readSeconds }) => readSeconds ?? 0,
  );
  registry.observed(
    "portcullis_source_state",
    "1 for the state that the list and watch of a resource is in: listing, watching, waiting (for a retry), absent (not installed).",
    "gauge",
    () =>
      (sight.health()?.resources ?? []).flatMap(({ resource, state }) =>
        states.map((name) => ({ labels: { resource, state: name }, value: name === state ? 1 : 0 })),
      ),
  );
}
