import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataplaneError, UnsupportedError } from "../../src/dataplane/dataplane.ts";
import { createEnforcer } from "../../src/agent/enforcer.ts";
import type { Change } from "../../src/policy/cluster.ts";
import { createAgentMetrics } from "../../src/agent/metrics.ts";
import {
  collectedLog,
  manualClock,
  plainCompiler,
  policyChange,
  recordingDataplane,
  settled,
  snapshotOf,
  updateOf,
} from "./scripted.ts";

function started() {
  const kernel = recordingDataplane();
  const time = manualClock();
  const compiler = plainCompiler();
  const output = collectedLog();
  const metrics = createAgentMetrics();
  const stop = new AbortController();
  const enforcer = createEnforcer({
    createCompiler: compiler.create,
    dataplane: kernel.dataplane,
    clock: time.clock,
    random: () => 0,
    log: output.log,
    metrics,
    syncPeriod: 60_000,
    audit: false,
  });
  const ended = enforcer.run(stop.signal);
  const end = async () => {
    stop.abort();
    await ended;
  };
  const metric = (name: string): string | undefined =>
    new RegExp(`^${name}(?:{.*})? (.*)$`, "m").exec(metrics.registry.text())?.[1];
  return { kernel, time, compiler, enforcer, stop, ended, end, metric, ...output };
}

async function loaded() {
  const agent = started();
  agent.enforcer.load(snapshotOf("d0"), () => {});
  await settled();
  return agent;
}

describe("the loop", () => {
  it("brings the kernel to the snapshot, then applies changes as changes", async () => {
    const agent = started();
    assert.deepEqual(agent.enforcer.standing().digest, null);
    assert.equal(agent.enforcer.standing().ready, false);
    agent.enforcer.load(snapshotOf("d0"), () => {});
    await settled();
    assert.deepEqual(agent.enforcer.standing(), { ready: true, digest: "d0", reason: null });
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "apply"]);
    assert.equal(agent.enforcer.standing().digest, "d1");
    await agent.end();
  });

  it("an update without changes needs nothing of the kernel, and its digest is in force", async () => {
    const agent = await loaded();
    agent.enforcer.update(updateOf("d1", []));
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync"]);
    assert.equal(agent.enforcer.standing().digest, "d1");
    await agent.end();
  });

  it("all that comes while an operation runs is the next operation, in order", async () => {
    const agent = await loaded();
    const release = agent.kernel.hold();
    agent.enforcer.update(updateOf("d1", [policyChange("first")]));
    await settled();
    for (let index = 0; index < 100; index += 1)
      agent.enforcer.update(updateOf(`e${index}`, [policyChange(`p${index}`)]));
    await settled();
    assert.equal(agent.enforcer.standing().digest, "d0");
    release();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "apply"]);
    assert.deepEqual(
      agent.compiler.batches[1]?.map((change) => (change.kind === "policy" ? change.policy.name : "")),
      Array.from({ length: 100 }, (_, index) => `p${index}`),
    );
    assert.equal(agent.enforcer.standing().digest, "e99");
    assert.equal(agent.metric("portcullis_enforcement_latency_seconds_count"), "102");
    await agent.end();
  });

  it("a ring between looking and sleeping is not lost", async () => {
    const agent = await loaded();
    for (let index = 0; index < 50; index += 1) {
      agent.enforcer.update(updateOf(`x${index}`, [policyChange("p")]));
      for (let tick = 0; tick < index % 7; tick += 1) await Promise.resolve();
    }
    await settled();
    assert.equal(agent.enforcer.standing().digest, "x49");
    await agent.end();
  });
});

describe("input that cannot be read at all", () => {
  const finding = { position: { file: "a.yaml", line: 3, column: 1 }, object: "?", message: "bad indentation" };
  const broken = snapshotOf("d0", { complete: false, findings: [finding] });

  it("at a start leaves the kernel alone until everything can be read", async () => {
    const agent = started();
    agent.enforcer.load(broken, () => {});
    agent.enforcer.update(updateOf("d1", [policyChange("p")], { complete: false, findings: [finding] }));
    await agent.time.advance(600_000);
    assert.deepEqual(agent.kernel.names(), []);
    const standing = agent.enforcer.standing();
    assert.deepEqual([standing.ready, standing.digest], [false, null]);
    assert.match(standing.reason ?? "", /a\.yaml:3:1: bad indentation/);
    agent.enforcer.update(updateOf("d2", []));
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync"]);
    assert.deepEqual(agent.enforcer.standing(), { ready: true, digest: "d2", reason: null });
    await agent.end();
  });

  it("later does not stop the rest from being enforced, but is told by readiness", async () => {
    const agent = await loaded();
    agent.enforcer.update(updateOf("d1", [policyChange("p")], { complete: false, findings: [finding] }));
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "apply"]);
    assert.equal(agent.enforcer.standing().ready, false);
    assert.equal(agent.enforcer.standing().digest, "d1");
    assert.match(agent.text(), /input is not valid: bad indentation object=\? at=a\.yaml:3:1/);
    agent.enforcer.update(updateOf("d2", []));
    await settled();
    assert.match(agent.text(), /corrected or gone/);
    await agent.end();
  });
});

describe("a kernel that refuses", () => {
  it("is told, waited for, and then brought to all that is wanted by a full sync", async () => {
    const agent = await loaded();
    agent.kernel.refuse("apply", 1);
    agent.kernel.refuse("sync", 2);
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    const standing = agent.enforcer.standing();
    assert.deepEqual([standing.ready, standing.digest], [false, "d0"]);
    assert.match(standing.reason ?? "", /Operation not permitted/);
    const [line = ""] = agent.lines.filter((text) => text.includes("ERROR"));
    for (const part of ["rules of before", "not enforced yet", "NetworkPolicy/a/p", "CAP_NET_ADMIN", "in 100 ms"])
      assert.ok(line.includes(part), `${part} in ${line}`);
    // Meanwhile changes come; none of them makes it try before its time.
    agent.enforcer.update(updateOf("d2", [policyChange("q")]));
    await agent.time.advance(99);
    assert.deepEqual(agent.kernel.names(), ["sync", "apply"]);
    await agent.time.advance(1);
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "sync"]);
    await agent.time.advance(199);
    assert.equal(agent.kernel.calls.length, 3);
    await agent.time.advance(1);
    await agent.time.advance(400);
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "sync", "sync", "sync"]);
    assert.deepEqual(agent.enforcer.standing(), { ready: true, digest: "d2", reason: null });
    assert.match(agent.text(), /takes changes again, after 3 failures/);
    assert.equal(agent.metric("portcullis_enforcement_latency_seconds_count"), "3");
    await agent.end();
  });

  it("for a long time is tried every ten seconds at least, and nothing piles up", async () => {
    const agent = await loaded();
    agent.kernel.refuse("apply", 1);
    agent.kernel.refuse("sync", 1000, new DataplaneError("No space left on device", "ENOSPC"));
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    for (let second = 0; second < 300; second += 1) await agent.time.advance(1000);
    const tries = agent.kernel.calls.length;
    assert.ok(tries > 30 && tries < 45, `${tries} tries in 300 s`);
    assert.ok(agent.time.sleepers() <= 1);
    assert.match(agent.text(), /make room on the disk/);
    await agent.end();
  });

  it("is tried at once when somebody else changed our rules meanwhile", async () => {
    const agent = await loaded();
    agent.kernel.refuse("apply", 1);
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    agent.enforcer.requestCheck();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "sync"]);
    assert.equal(agent.enforcer.standing().digest, "d1");
    await agent.end();
  });

  it("a failed check is followed by a full sync", async () => {
    const agent = await loaded();
    agent.kernel.refuse("check", 1);
    await agent.time.advance(60_000);
    await agent.time.advance(100);
    assert.deepEqual(agent.kernel.names(), ["sync", "check", "sync"]);
    await agent.end();
  });

  it("a clock that jumps neither way puts off a retry or a check for more than once the agreed time", async () => {
    const agent = await loaded();
    agent.kernel.refuse("apply", 1);
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    await agent.time.jump(-1_000_000);
    await agent.time.advance(100);
    await agent.time.advance(100);
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "sync"]);
    await agent.time.jump(-1_000_000);
    agent.enforcer.update(updateOf("d2", []));
    await settled();
    await agent.time.advance(60_000);
    assert.deepEqual(agent.kernel.names(), ["sync", "apply", "sync", "check"]);
    await agent.time.jump(1_000_000);
    agent.enforcer.update(updateOf("d3", []));
    await settled();
    assert.equal(agent.kernel.names().at(-1), "check");
    assert.equal(agent.kernel.calls.length, 5);
    await agent.end();
  });
});

describe("what is told of changes on their way", () => {
  it("policies that ask for what the dataplane cannot do are named until it takes changes again", async () => {
    const agent = await loaded();
    const { policy } = policyChange("p") as Extract<Change, { kind: "policy" }>;
    agent.kernel.refuse("apply", 1, new UnsupportedError("SCTP", "this kernel has none", [policy.id]));
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    assert.deepEqual([...agent.enforcer.unsupported()], [[policy.id, "SCTP: this kernel has none"]]);
    assert.equal(agent.enforcer.ledger.entry(policy.id)?.standing, "pending");
    assert.ok(agent.enforcer.lag() > 0);
    await agent.time.advance(100);
    assert.equal(agent.enforcer.unsupported().size, 0);
    assert.equal(agent.enforcer.ledger.entry(policy.id)?.standing, "current");
    assert.equal(agent.enforcer.lag(), 0);
    await agent.end();
  });

  it("a stamp that the clocks make absurd is not taken for a latency", async () => {
    const agent = await loaded();
    const now = agent.time.clock.now();
    for (const stampedAt of [now + 5000, now - 3_600_001, undefined, now - 400]) {
      const stamp = stampedAt === undefined ? {} : { stampedAt };
      agent.enforcer.update(updateOf(`d${stampedAt}`, [policyChange("p")], stamp));
      await settled();
    }
    assert.equal(agent.metric("portcullis_api_enforcement_latency_seconds_count"), "1");
    const sum = Number(agent.metric("portcullis_api_enforcement_latency_seconds_sum"));
    assert.ok(sum >= 0.4 && sum < 2, String(sum));
    await agent.end();
  });
});

describe("checks", () => {
  it("come once a period", async () => {
    const agent = await loaded();
    await agent.time.advance(59_999);
    assert.deepEqual(agent.kernel.names(), ["sync"]);
    await agent.time.advance(1);
    await agent.time.advance(60_000);
    assert.deepEqual(agent.kernel.names(), ["sync", "check", "check"]);
    await agent.end();
  });

  it("come at once when somebody else changed our rules, are told and counted", async () => {
    const agent = await loaded();
    agent.kernel.findNext(["rule of chain in-web is gone", "element 10.0.0.1 of g-x is gone"]);
    agent.enforcer.requestCheck();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "check"]);
    assert.match(agent.text(), /WARN .*somebody else changed.*in-web is gone; element 10\.0\.0\.1/);
    assert.equal(agent.metric("portcullis_repairs_total"), "2");
    await agent.end();
  });

  it("asked for during a check become one", async () => {
    const agent = await loaded();
    const release = agent.kernel.hold();
    agent.enforcer.requestCheck();
    await settled();
    for (let index = 0; index < 1000; index += 1) agent.enforcer.requestCheck();
    release();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "check", "check"]);
    await agent.end();
  });

  it("asked for without end leave time for the rest", async () => {
    const agent = await loaded();
    const release = agent.kernel.hold();
    agent.enforcer.requestCheck();
    await settled();
    await agent.time.advance(30);
    agent.enforcer.requestCheck();
    release();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "check"], "the pause after a check of 30 ms is 60 ms");
    await agent.time.advance(60);
    assert.deepEqual(agent.kernel.names(), ["sync", "check", "check"]);
    await agent.end();
  });
});

describe("the end", () => {
  it("waits for the running operation, begins no other, and removes nothing", async () => {
    const agent = await loaded();
    const release = agent.kernel.hold();
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    agent.enforcer.update(updateOf("d2", [policyChange("q")]));
    let over = false;
    const ended = (async () => {
      await agent.ended;
      over = true;
    })();
    agent.stop.abort();
    await settled();
    assert.equal(over, false);
    assert.match(agent.enforcer.standing().reason ?? "", /stopping/);
    release();
    await ended;
    assert.deepEqual(agent.kernel.names(), ["sync", "apply"]);
  });
});

describe("a defect while compiling", () => {
  it("is told with the object, asks for a fresh start, and the fresh start recovers", async () => {
    const agent = started();
    let broken = 0;
    agent.enforcer.load(snapshotOf("d0"), () => (broken += 1));
    await settled();
    agent.enforcer.update(updateOf("d1", [policyChange("defect")]));
    await settled();
    assert.equal(broken, 1);
    assert.deepEqual(agent.kernel.names(), ["sync"]);
    assert.equal(agent.enforcer.standing().ready, false);
    assert.match(agent.text(), /ERROR a defect.*NetworkPolicy\/a\/defect/);
    agent.enforcer.load(snapshotOf("d2"), () => {});
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "sync"]);
    assert.deepEqual(agent.enforcer.standing(), { ready: true, digest: "d2", reason: null });
    await agent.end();
  });
});
