import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backOff, backOffAfter, watchSeconds } from "./pace.ts";

const agents = 5000;

/** When each of many agents comes back that fail together, and go on failing for so many milliseconds. */
function returns(outage: number): readonly number[] {
  return Array.from({ length: agents }, () => {
    let time = 0;
    for (let failures = 1; ; failures++) {
      time += backOff(failures, Math.random);
      if (time >= outage) return time - outage;
    }
  });
}

/** How many come within the busiest second. */
function busiest(times: readonly number[]): number {
  const seconds = new Map<number, number>();
  for (const time of times) seconds.set(Math.floor(time / 1000), (seconds.get(Math.floor(time / 1000)) ?? 0) + 1);
  return Math.max(...seconds.values());
}

describe("waiting", () => {
  it("spreads agents that lost a server together over half a minute, however long it was away", () => {
    for (const outage of [60_000, 3_600_000]) {
      const times = returns(outage);
      // Evenly over 30 s would be 167 a second; more come early, since some are about to try anyway.
      assert.ok(busiest(times) < agents / 10, `${busiest(times)} in one second`);
      assert.ok(Math.max(...times) <= 30_000);
    }
  });

  it("spreads them over a second at the first failure", () => {
    const times = returns(0);
    assert.ok(Math.max(...times) <= 1000);
    const first = times.filter((time) => time < 100).length;
    assert.ok(first < agents / 5, `${first} within 100 ms`);
  });

  it("grants the time that the server wants, never less, and not for ever", () => {
    for (let turn = 0; turn < 1000; turn++) {
      assert.ok(backOffAfter(10_000, 1, Math.random) >= 10_000);
      assert.ok(backOffAfter(1e12, 1, Math.random) <= 240_000);
    }
  });

  it("watches end at different times, after 5 to 10 minutes", () => {
    const seconds = new Set(Array.from({ length: 1000 }, () => watchSeconds(Math.random)));
    assert.ok(Math.min(...seconds) >= 300 && Math.max(...seconds) < 600 && seconds.size > 200);
  });
});
