import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataplaneError } from "../../src/dataplane/dataplane.ts";
import { loaded } from "./enforcing.ts";
import { policyChange, settled, updateOf } from "./scripted.ts";

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
