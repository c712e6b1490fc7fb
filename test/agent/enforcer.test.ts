import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UnsupportedError } from "../../src/dataplane/dataplane.ts";
import type { Change } from "../../src/policy/cluster.ts";
import { loaded, started } from "./enforcing.ts";
import { policyChange, settled, snapshotOf, updateOf } from "./scripted.ts";

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

describe("what is told of changes on their way", () => {
  it("policies that ask for what the dataplane cannot do are named until it takes changes again", async () => {
    const agent = await loaded();
    const { policy } = policyChange("p") as Extract<Change, { kind: "policy" }>;
    agent.kernel.refuse("apply", 1, new UnsupportedError("sctp", "this kernel has none", [policy.id]));
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    assert.deepEqual([...agent.enforcer.unsupported()], [[policy.id, "sctp: this kernel has none"]]);
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
