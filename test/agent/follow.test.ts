import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Compiler } from "../../src/compile/incremental.ts";
import { type AgentParts, runAgent } from "../../src/agent/run.ts";
import type { Source } from "../../src/source/source.ts";
import {
  collectedLog,
  manualClock,
  plainCompiler,
  policyChange,
  recordingDataplane,
  scriptedSource,
  settled,
  snapshotOf,
  until,
  updateOf,
} from "./scripted.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "pct-agent-"));
});
after(() => rmSync(folder, { recursive: true }));

function ask(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

let sockets = 0;
const ends: (() => Promise<void>)[] = [];
// A test that fails must not leave a server behind: the process would not end.
afterEach(async () => {
  for (const end of ends.splice(0)) await end().catch(() => {});
});

function begun(more: Partial<AgentParts> = {}) {
  const kernel = recordingDataplane();
  const time = manualClock();
  const source = scriptedSource(() => snapshotOf("d0"));
  const compiler = plainCompiler();
  const output = collectedLog();
  const stop = new AbortController();
  const path = join(folder, `${(sockets += 1)}.sock`);
  const ended = runAgent(
    {
      openSource: source.open,
      sourceRemedy: "look at it",
      createCompiler: compiler.create,
      dataplane: kernel.dataplane,
      clock: time.clock,
      random: () => 0,
      log: output.log,
      bind: { kind: "unix", path },
      syncPeriod: 60_000,
      audit: false,
      build: { version: "0", node: "node-1" },
      ...more,
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort();
    await ended;
  };
  ends.push(end);
  const ready = async () => {
    const { status, body } = await ask(path, "/readyz");
    return { status, ...(JSON.parse(body) as { ready: boolean; digest: string | null; reason: string | null }) };
  };
  return { kernel, time, source, compiler, ...output, end, path, ready };
}

/** An agent that listens, and has done what it does at once. */
async function running(more: Partial<AgentParts> = {}) {
  const agent = begun(more);
  await until(() => agent.text().includes("listening"));
  return agent;
}

describe("the agent", () => {
  it("warns where its cluster has no Node of its name, and only there", async () => {
    const cluster = { client: null, requests: () => [] };
    const knowing = (nodes: number) => (): Compiler => {
      const compiler = plainCompiler().create();
      return { ...compiler, counts: () => ({ ...compiler.counts(), Node: nodes }) };
    };
    for (const [parts, warns] of [
      [{ cluster, createCompiler: knowing(0) }, true],
      [{ cluster, createCompiler: knowing(1) }, false],
      [{ createCompiler: knowing(0) }, false],
    ] as const) {
      const agent = await running(parts);
      await agent.time.advance(5000);
      assert.equal(/WARN .*no Node of this agent's name.*node=node-1/.test(agent.text()), warns, agent.text());
      await agent.end();
    }
  });

  it("tells by /readyz which input is in force, and by /metrics how it goes", async () => {
    const agent = await running();
    assert.deepEqual(await agent.ready(), {
      status: 200,
      ready: true,
      digest: "d0",
      reason: null,
      degraded: null,
    });
    agent.source.push(updateOf("d1", [policyChange("p")]));
    await settled();
    assert.equal((await agent.ready()).digest, "d1");
    const { body } = await ask(agent.path, "/metrics");
    for (const line of [
      "portcullis_ready 1",
      "portcullis_source_connected 1",
      'portcullis_operations_total{operation="apply"} 1',
      "portcullis_transactions_total 3",
      "portcullis_endpoints 0",
      'portcullis_objects{kind="Policy"} 1',
      'portcullis_build_info{version="0",node="node-1"} 1',
    ]) {
      assert.ok(body.split("\n").includes(line), line);
    }
    // Every family says what it is, and every sample belongs to a family.
    const described = new Set([...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
    for (const [, name = ""] of body.matchAll(/^([a-z_]+)[ {]/gm)) {
      assert.ok(described.has(name) || described.has(name.replace(/_(bucket|sum|count)$/, "")), name);
    }
    await agent.end();
    assert.match(agent.text(), /stopped; the rules stay in force/);
  });

  it("says 503 with the reason while the kernel refuses", async () => {
    const agent = await running();
    agent.kernel.refuse("apply", 1);
    agent.source.push(updateOf("d1", [policyChange("p")]));
    await settled();
    const standing = await agent.ready();
    assert.deepEqual([standing.status, standing.digest], [503, "d0"]);
    assert.match(standing.reason ?? "", /Operation not permitted/);
    await agent.end();
  });

  it("starts over with a fresh snapshot when the source fails, and keeps enforcing meanwhile", async () => {
    const agent = await running();
    agent.source.fail(new Error("EIO: i/o error"));
    await settled();
    assert.match(agent.text(), /source cannot be followed.*EIO/);
    assert.match((await ask(agent.path, "/metrics")).body, /^portcullis_source_connected 0$/m);
    assert.equal((await agent.ready()).digest, "d0");
    await agent.time.advance(100);
    assert.deepEqual([agent.source.opened(), agent.compiler.loads()], [2, 2]);
    assert.deepEqual(agent.kernel.names(), ["sync", "sync"]);
    assert.match((await ask(agent.path, "/metrics")).body, /^portcullis_source_connected 1$/m);
    await agent.end();
  });

  it("waits for a source that cannot be read at the start, and touches nothing", async () => {
    const unreadable: Source = {
      snapshot: () => Promise.reject(new Error("EACCES: permission denied")),
      changes: () => {
        throw new Error("not reached");
      },
    };
    const agent = await running({ openSource: () => unreadable });
    for (let second = 0; second < 60; second += 1) await agent.time.advance(1000);
    assert.deepEqual(agent.kernel.names(), []);
    assert.equal((await agent.ready()).status, 503);
    const tries = agent.lines.filter((line) => line.includes("cannot be followed")).length;
    assert.ok(tries > 8 && tries < 20, `${tries} tries in a minute`);
    await agent.end();
  });

  it("reads the source anew after a defect, but not in a tight loop", async () => {
    const agent = await running();
    agent.source.push(updateOf("d1", [policyChange("defect")]));
    await settled();
    assert.equal(agent.source.opened(), 1);
    await agent.time.advance(100);
    assert.equal(agent.source.opened(), 2);
    assert.equal((await agent.ready()).status, 200);
    await agent.end();
  });

  it("with --audit no policy counts", async () => {
    const agent = await running({ audit: true });
    agent.source.push(updateOf("d1", [policyChange("p")]));
    await settled();
    const [[change] = []] = agent.compiler.batches;
    assert.ok(change?.kind === "policy");
    assert.equal(change.policy.mode, "audit");
    await agent.end();
  });

  it("checks at once when the dataplane sees somebody else's change", async () => {
    const agent = await running();
    agent.kernel.findNext(["table is gone"]);
    agent.kernel.foreign();
    await settled();
    assert.deepEqual(agent.kernel.names(), ["sync", "check"]);
    assert.match((await ask(agent.path, "/metrics")).body, /^portcullis_repairs_total 1$/m);
    await agent.end();
  });

  it("does not start without its address", async () => {
    const first = await running();
    const second = begun({ bind: { kind: "unix", path: first.path } });
    await assert.rejects(second.end(), /EADDRINUSE/);
    assert.deepEqual(second.kernel.names(), []);
    await first.end();
  });
});
