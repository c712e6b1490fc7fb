import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createKernelCounters } from "../../src/agent/kernel-counters.ts";
import type { PolicyCounter } from "../../src/dataplane/dataplane.ts";
import { manualClock, settled } from "./scripted.ts";

const counterOf = (name: string, packets: number, more: Partial<PolicyCounter> = {}): PolicyCounter => ({
  name,
  verdict: "deny",
  direction: "ingress",
  packets: BigInt(packets),
  bytes: 0n,
  ...more,
});

/** Counters whose values the test sets; every sample reads them anew. */
function counted() {
  const time = manualClock();
  const stop = new AbortController();
  let now: readonly PolicyCounter[] = [];
  let fails = false;
  const counters = createKernelCounters({
    enforcer: { exclusive: (use) => use() },
    dataplane: { counters: () => (fails ? Promise.reject(new Error("EBUSY")) : Promise.resolve(now)) },
    clock: time.clock,
  });
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 15) {
      // A sample is taken only of values that are a second old, by the clock that does not jump.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await time.advance(15_000);
    }
  };
  return {
    counters,
    pass,
    stop,
    set: (next: readonly PolicyCounter[]) => void (now = next),
    fail: (value: boolean) => void (fails = value),
  };
}

describe("what the kernel counted", () => {
  it("adds up by verdict and direction; a counter that goes away or begins anew takes nothing back", async (context) => {
    const { counters, set } = counted();
    const read = async () => {
      context.mock.method(performance, "now", () => (time += 2000));
      await counters.refresh();
    };
    let time = 0;
    set([
      counterOf("drop in-a", 5),
      counterOf("drop eg-a", 7, { direction: "egress" }),
      counterOf("drop_unknown", 2, { direction: null }),
      counterOf("NetworkPolicy/a/p ingress[0]", 11, { verdict: "accept" }),
    ]);
    await read();
    set([counterOf("drop in-a", 9), counterOf("drop in-b", 1)]);
    await read();
    set([counterOf("drop in-a", 3)]);
    await read();
    assert.equal(counters.total("deny", "ingress"), 13n);
    assert.equal(counters.total("deny", "egress"), 7n);
    assert.equal(counters.total("deny", "none"), 2n);
    assert.equal(counters.total("accept", "ingress"), 11n);
    assert.equal(counters.total("audit-deny", "ingress"), 0n);
  });

  it("tells what was denied in the last minutes, and keeps the last values while the kernel does not answer", async (context) => {
    let time = 0;
    context.mock.method(performance, "now", () => (time += 2000));
    const { counters, pass, set, fail, stop } = counted();
    set([counterOf("drop in-a", 1000)]);
    const ended = counters.sample(stop.signal);
    await settled();
    assert.deepEqual(counters.deniedIn(60_000), { ingress: 0, egress: 0, none: 0 });
    set([counterOf("drop in-a", 1010)]);
    await pass(30);
    assert.equal(counters.deniedIn(60_000).ingress, 10);
    await pass(120);
    assert.deepEqual([counters.deniedIn(60_000).ingress, counters.deniedIn(300_000).ingress], [0, 10]);
    set([counterOf("drop in-a", 1013)]);
    fail(true);
    await pass(30);
    assert.equal(counters.deniedIn(60_000).ingress, 0);
    fail(false);
    await pass(15);
    assert.equal(counters.deniedIn(60_000).ingress, 3);
    await pass(600);
    assert.equal(counters.deniedIn(300_000).ingress, 0);
    stop.abort();
    await ended;
  });
});
