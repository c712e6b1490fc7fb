import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "./clock.ts";

describe("the system's clock", () => {
  it("sleeps for as long as told", async () => {
    const started = performance.now();
    await systemClock.sleep(20);
    assert.ok(performance.now() - started >= 19);
  });

  it("wakes when the signal aborts, and does not fall asleep after it", async () => {
    const over = new AbortController();
    const started = performance.now();
    const asleep = systemClock.sleep(60_000, over.signal);
    over.abort();
    await asleep;
    await systemClock.sleep(60_000, over.signal);
    assert.ok(performance.now() - started < 10_000);
  });
});
