import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { createRegistry } from "./metrics.ts";

describe("metrics", () => {
  it("prints counters and gauges as Prometheus reads them", () => {
    const registry = createRegistry();
    const repairs = registry.counter("repairs_total", "Repairs.");
    const ready = registry.gauge("ready", "1 if ready.");
    repairs.add({ kind: "a" });
    repairs.add({ kind: "a" }, 2);
    repairs.add({ kind: "b" });
    ready.set(1);
    ready.set(0);
    assert.equal(
      registry.text(),
      [
        "# HELP repairs_total Repairs.",
        "# TYPE repairs_total counter",
        'repairs_total{kind="a"} 3',
        'repairs_total{kind="b"} 1',
        "# HELP ready 1 if ready.",
        "# TYPE ready gauge",
        "ready 0",
        "",
      ].join("\n"),
    );
  });

  it("counts histogram buckets cumulatively, a value on a bound inside it", () => {
    const registry = createRegistry();
    const latency = registry.histogram("latency_seconds", "x", [0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 7]) latency.observe(value);
    assert.deepEqual(registry.text().split("\n").slice(2, -1), [
      'latency_seconds_bucket{le="0.1"} 2',
      'latency_seconds_bucket{le="1"} 3',
      'latency_seconds_bucket{le="+Inf"} 4',
      "latency_seconds_sum 7.65",
      "latency_seconds_count 4",
    ]);
  });

  it("reads observed families when asked, not before", () => {
    const registry = createRegistry();
    let reads = 0;
    registry.observed("x", "x", "gauge", () => [{ labels: {}, value: BigInt((reads += 1)) }]);
    assert.equal(reads, 0);
    assert.match(registry.text(), /^x 1$/m);
    assert.match(registry.text(), /^x 2$/m);
  });

  it("label values cannot leave their quotes or lines", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 400 }),
          fc.string({ unit: fc.constantFrom("\\", '"', "\n", "a"), maxLength: 400 }),
        ),
        (text) => {
          const registry = createRegistry();
          registry.counter("c", "x").add({ name: text });
          const [, , sample = "", ...rest] = registry.text().split("\n");
          assert.deepEqual(rest, [""]);
          assert.match(sample, /^c\{name="([^"\\]|\\\\|\\"|\\n)*"\} 1$/u);
        },
      ),
    );
  });

  it("refuses a name that is taken", () => {
    const registry = createRegistry();
    registry.gauge("x", "x");
    assert.throws(() => registry.counter("x", "x"), /registered twice/);
  });
});
