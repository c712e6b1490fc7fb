import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSight } from "../../src/agent/sight.ts";
import type { ResourceHealth, Source, SourceHealth } from "../../src/source/source.ts";
import { collectedLog, manualClock, settled, snapshotOf } from "./scripted.ts";

const pods: ResourceHealth = {
  resource: "pods",
  state: "listing",
  resourceVersion: "",
  objects: 0,
  lists: 0,
  watches: 0,
  failures: 0,
  events: 0,
  bytes: 0,
};

/** A source whose health the test sets. */
function ailingSource() {
  let health: SourceHealth = { connected: true, reason: null, lastHeard: 500, resources: [] };
  const source: Source = {
    snapshot: () => Promise.resolve(snapshotOf("d0")),
    changes: async function* () {},
    health: () => health,
  };
  return {
    source,
    lose: (reason: string) => void (health = { ...health, connected: false, reason }),
    regain: () => void (health = { ...health, connected: true, reason: null }),
    fail: (failures: number) => void (health = { ...health, resources: [{ ...pods, failures }] }),
  };
}

function watched(random = () => 0) {
  const time = manualClock();
  const output = collectedLog();
  const stop = new AbortController();
  const sight = createSight({ clock: time.clock, random, log: output.log, sourceRemedy: "look there" });
  const ended = sight.watch(stop.signal);
  const end = async () => {
    stop.abort();
    await ended;
  };
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) await time.advance(1000);
  };
  return { sight, time, pass, end, ...output };
}

describe("the sight of a source", () => {
  it("is not degraded by a connection that is back in some seconds, and nothing is told", async () => {
    const { sight, pass, lines, end } = watched();
    const { source, lose, regain } = ailingSource();
    sight.seek(source);
    sight.gain();
    lose("reset");
    await pass(4);
    assert.equal(sight.connected(), false);
    assert.equal(sight.degraded(), null);
    regain();
    await pass(60);
    assert.equal(sight.connected(), true);
    assert.deepEqual(lines, []);
    await end();
  });

  it("tells an outage once at its beginning, again each ten minutes, and its end", async () => {
    const { sight, pass, lines, end } = watched();
    const { source, lose, regain } = ailingSource();
    sight.seek(source);
    sight.gain();
    await pass(10);
    lose("connection refused");
    await pass(3600);
    assert.match(sight.degraded() ?? "", /not seen since .*connection refused; what is in force stays in force/);
    assert.equal(lines.length, 6, lines.join(""));
    assert.match(lines[0] ?? "", /ERROR .*out of sight.*error="connection refused".*last_heard=.*do="look there"/);
    regain();
    await pass(2);
    assert.equal(lines.length, 7);
    assert.match(lines[6] ?? "", /INFO .*followed again outage="36\d\d s"/);
    assert.equal(sight.degraded(), null);
    await end();
  });

  it("agents do not tell it all in the same second", async () => {
    const firstLine = async (random: number): Promise<number> => {
      const { sight, pass, lines, end } = watched(() => random);
      const { source, lose } = ailingSource();
      sight.seek(source);
      sight.gain();
      lose("refused");
      let second = 0;
      for (; lines.length === 0 && second < 60; second += 1) await pass(1);
      await end();
      return second;
    };
    assert.ok((await firstLine(0.9)) > (await firstLine(0)));
  });

  it("a source that was never read is out of sight, with what it says of itself", async () => {
    const { sight, pass, text, end } = watched();
    const { source, lose, fail } = ailingSource();
    lose("no route to host");
    fail(1);
    sight.seek(source);
    await pass(20);
    assert.match(text(), /ERROR /);
    assert.match(sight.degraded() ?? "", /no route to host/);
    assert.match(text(), /no route to host/);
    await end();
  });

  it("a first reading that takes its time is no error until something has failed", async () => {
    const { sight, pass, lines, end } = watched();
    const { source, lose, regain, fail } = ailingSource();
    lose("pods: not listed yet");
    fail(0);
    sight.seek(source);
    await pass(300);
    assert.equal(lines.length, 1, lines.join(""));
    assert.match(lines[0] ?? "", /INFO .*still being read.*"pods: not listed yet"/);
    assert.equal(sight.connected(), false);
    fail(1);
    await pass(2);
    assert.match(lines[1] ?? "", /ERROR .*out of sight/);
    regain();
    sight.gain();
    await pass(2);
    assert.match(lines[2] ?? "", /followed again/);
    await end();
  });

  it("a folder, which says nothing of itself, is in sight from its snapshot until it fails", async () => {
    const { sight, end } = watched();
    const folder: Source = { snapshot: () => Promise.resolve(snapshotOf("d0")), changes: async function* () {} };
    sight.seek(folder);
    assert.equal(sight.connected(), false);
    sight.gain();
    assert.deepEqual([sight.connected(), sight.health()], [true, null]);
    sight.lose("EIO");
    assert.equal(sight.connected(), false);
    await settled();
    await end();
  });

  it("a wall clock that is set back neither ends an outage nor keeps it untold", async () => {
    const { sight, time, pass, lines, end } = watched();
    const { source, lose } = ailingSource();
    sight.seek(source);
    sight.gain();
    lose("refused");
    await pass(2);
    await time.jump(-3_600_000);
    await pass(8);
    assert.equal(lines.length, 1);
    assert.notEqual(sight.degraded(), null);
    await end();
  });
});
