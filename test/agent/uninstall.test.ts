import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createEnforcer } from "../../src/agent/enforcer.ts";
import { createAgentMetrics } from "../../src/agent/metrics.ts";
import { followUninstall, removeRules, uninstallAnnotation, uninstalledReason } from "../../src/agent/uninstall.ts";
import { DataplaneError } from "../../src/dataplane/dataplane.ts";
import type { ApiClient, ApiResponse } from "../../src/source/apiserver/client.ts";
import {
  collectedLog,
  manualClock,
  plainCompiler,
  policyChange,
  policyNamed,
  recordingDataplane,
  settled,
  snapshotOf,
  updateOf,
} from "./scripted.ts";

type Annotations = Readonly<Record<string, string>>;
const off: Annotations = { [uninstallAnnotation]: removeRules };

/** An API server with one ServiceAccount; null: it does not answer for it. */
function scriptedServer(first: Annotations | null) {
  let annotations = first;
  let version = 1;
  let status = 200;
  let push: (line: string | null) => void = () => {};
  const object = () => ({ metadata: { name: "portcullis", resourceVersion: String(version), annotations } });
  async function* events(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = await new Promise<string | null>((resolve) => (push = resolve));
      if (line === null) return;
      // In two pieces, as networks do.
      const bytes = Buffer.from(`${line}\n`);
      yield bytes.subarray(0, 10);
      yield bytes.subarray(10);
    }
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(JSON.stringify(object()));
  }
  const paths: string[] = [];
  const client: ApiClient = {
    server: "https://scripted",
    namespace: "kube-system",
    request: async ({ path }): Promise<ApiResponse> => {
      paths.push(path);
      const isWatch = path.includes("watch=1");
      return {
        status: status === 200 && annotations === null && !isWatch ? 404 : status,
        headers: {},
        body: isWatch ? events() : whole(),
        discard: () => {},
      };
    },
    close: () => {},
  };
  return {
    client,
    paths,
    answer: (code: number) => void (status = code),
    set: async (value: Annotations, type = "MODIFIED") => {
      annotations = value;
      version += 1;
      push(JSON.stringify({ type, object: object() }));
      await settled();
    },
    end: () => push(null),
  };
}

function started(first: Annotations | null, status = 200) {
  const kernel = recordingDataplane();
  let removals = 0;
  let refusal: Error | null = null;
  let removal: Promise<void> = Promise.resolve();
  const dataplane = {
    ...kernel.dataplane,
    remove: async () => {
      await removal;
      if (refusal !== null) throw refusal;
      removals += 1;
      return ["table inet portcullis"];
    },
  };
  const time = manualClock();
  const { log, text } = collectedLog();
  const metrics = createAgentMetrics();
  const stop = new AbortController();
  const server = scriptedServer(first);
  server.answer(status);
  let forgotten = 0;
  const parts = { clock: time.clock, random: () => 0, log, dataplane };
  const enforcer = createEnforcer({
    ...parts,
    createCompiler: plainCompiler().create,
    metrics,
    syncPeriod: 60_000,
    audit: false,
  });
  enforcer.load(snapshotOf("d0"), () => {});
  const serviceAccount = { namespace: "kube-system", name: "portcullis" };
  const forget = () => void (forgotten += 1);
  const ended = Promise.all([
    followUninstall({ ...parts, client: server.client, serviceAccount, enforcer, forget }, stop.signal),
    enforcer.run(stop.signal),
  ]);
  return {
    server,
    kernel,
    enforcer,
    time,
    text,
    removals: () => removals,
    forgotten: () => forgotten,
    refuse: (error: Error | null) => void (refusal = error),
    /** Removals take until the function that this gives is called. */
    hold: () => {
      const held = Promise.withResolvers<void>();
      removal = held.promise;
      return held.resolve;
    },
    end: async () => {
      stop.abort();
      server.end();
      await ended;
    },
  };
}

describe("uninstall", () => {
  it("enforces once it knows that it is not to be uninstalled", async () => {
    const agent = started({});
    assert.equal(agent.enforcer.standing().ready, false, "nothing is done before the answer");
    assert.deepEqual(agent.kernel.names(), []);
    await settled();
    assert.partialDeepStrictEqual(agent.enforcer.standing(), { ready: true, digest: "d0", reason: null });
    assert.equal(agent.removals(), 0);
    assert.match(agent.server.paths[1] ?? "", /serviceaccounts\?watch=1.*fieldSelector=metadata.name%3Dportcullis/);
    await agent.end();
  });

  it("removes the rules at the annotation, stays without them, and enforces again when it goes", async () => {
    const agent = started({});
    await settled();
    await agent.server.set(off);
    assert.partialDeepStrictEqual(agent.enforcer.standing(), { ready: false, digest: null, reason: uninstalledReason });
    assert.deepEqual([agent.removals(), agent.forgotten()], [1, 1]);
    const before = agent.kernel.names().length;
    agent.enforcer.load(snapshotOf("d1"), () => {});
    await agent.time.advance(600_000);
    assert.equal(agent.kernel.names().length, before, "the kernel is left alone");
    await agent.server.set({ [uninstallAnnotation]: "no" });
    assert.partialDeepStrictEqual(agent.enforcer.standing(), { ready: true, digest: "d1", reason: null });
    assert.equal(agent.kernel.names().at(-1), "sync");
    await agent.end();
  });

  it("an agent that starts under the annotation removes what is there and enforces nothing", async () => {
    const agent = started(off);
    await settled();
    await agent.time.advance(10_000);
    assert.equal(agent.enforcer.standing().reason, uninstalledReason);
    assert.deepEqual([agent.kernel.names(), agent.removals()], [[], 1]);
    await agent.end();
  });

  it("the deletion of the ServiceAccount changes nothing, neither before nor after", async () => {
    for (const first of [{}, off]) {
      const agent = started(first);
      await settled();
      const { reason } = agent.enforcer.standing();
      await agent.server.set({}, "DELETED");
      assert.equal(agent.enforcer.standing().reason, reason);
      await agent.end();
    }
  });

  it("what cannot be read keeps nothing from being enforced", async () => {
    for (const [first, status] of [
      [{}, 403],
      [{}, 500],
      [null, 200],
    ] as const) {
      const agent = started(first, status);
      await settled();
      assert.equal(agent.enforcer.standing().ready, true, `${status}`);
      await agent.time.advance(100);
      assert.ok(agent.server.paths.length <= 2, "and it is not asked for at once again");
      await agent.end();
    }
  });

  it("a kernel that refuses is not uninstalled: the agent stays ready, says so, and tries again", async () => {
    const agent = started({});
    await settled();
    agent.refuse(new DataplaneError("Operation not permitted", "EPERM"));
    await agent.server.set(off);
    assert.equal(agent.enforcer.standing().ready, true);
    assert.match(agent.text(), /refused to remove the rules.*CAP_NET_ADMIN/s);
    agent.refuse(null);
    await agent.time.advance(1000);
    assert.equal(agent.enforcer.standing().reason, uninstalledReason);
    await agent.end();
  });

  it("an agent whose kernel refused goes on enforcing, whatever becomes of the sign", async () => {
    const agent = started({});
    await settled();
    agent.refuse(new DataplaneError("Device or resource busy", "EBUSY"));
    await agent.server.set(off);
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    assert.equal(agent.enforcer.standing().digest, "d1", "while the sign says so");
    agent.server.answer(500);
    await agent.time.advance(1000);
    agent.enforcer.update(updateOf("d2", [policyChange("q")]));
    await settled();
    assert.equal(agent.enforcer.standing().digest, "d2", "while it cannot be read");
    assert.equal(agent.removals(), 0);
    await agent.end();
  });

  it("a removal at the start that takes longer than an answer may take is not undone by a first synchronisation", async () => {
    const agent = started(off);
    const release = agent.hold();
    await settled();
    await agent.time.advance(10_000);
    assert.deepEqual(agent.kernel.names(), []);
    release();
    await settled();
    assert.equal(agent.enforcer.standing().reason, uninstalledReason);
    assert.deepEqual([agent.kernel.names(), agent.removals()], [[], 1]);
    await agent.end();
  });

  it("no policy counts as in force while there are no rules", async () => {
    const agent = started({});
    await settled();
    agent.enforcer.update(updateOf("d1", [policyChange("p")]));
    await settled();
    const { id } = policyNamed("p");
    assert.equal(agent.enforcer.ledger.entry(id)?.standing, "current");
    await agent.server.set(off);
    assert.equal(agent.enforcer.ledger.entry(id)?.standing, "pending");
    assert.equal(agent.enforcer.ledger.inForce(), null);
    await agent.server.set({});
    assert.equal(agent.enforcer.ledger.entry(id)?.standing, "current");
    await agent.end();
  });
});
