import { readFileSync, readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry, Sample } from "../observe/metrics.ts";

const one = (value: number): readonly Sample[] => [{ labels: {}, value }];

/** Milliseconds between looks at the event loop: a waiting daemon should be woken rarely. */
const loopResolution = 500;

function registerEventLoop(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: loopResolution });
  delay.enable();
  const lag = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - loopResolution / 1000);
  registry.observed(
    "nodejs_eventloop_lag_p99_seconds",
    "How late the event loop was, 99th percentile since the last time this was asked for.",
    "gauge",
    () => (delay.count === 0 ? [] : one(lag(delay.percentile(99)))),
  );
  registry.observed(
    "nodejs_eventloop_lag_max_seconds",
    "How late the event loop was at most since the last time this was asked for.",
    "gauge",
    () => {
      const samples = delay.count === 0 ? [] : one(lag(delay.max));
      delay.reset();
      return samples;
    },
  );
}

function readOpenFiles(): readonly Sample[] {
  try {
    return one(readdirSync("/proc/self/fd").length);
  } catch {
    return [];
  }
}

function readMostFiles(): readonly Sample[] {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? [] : one(Number(soft));
  } catch {
    return [];
  }
}

/** What every program that Prometheus watches tells of itself, and the event loop of Node. */
export function registerProcess(registry: Registry): void {
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
  registry.observed("process_open_fds", "Open file descriptors.", "gauge", readOpenFiles);
  registry.observed("process_max_fds", "Most file descriptors that may be open.", "gauge", readMostFiles);
  registry.observed("nodejs_heap_used_bytes", "Heap of V8 that is in use.", "gauge", () =>
    one(process.memoryUsage().heapUsed),
  );
  registerEventLoop(registry);
}
