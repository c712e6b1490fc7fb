import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { DataplaneError, type LearnedName, type NameSets } from "../../dataplane/dataplane.ts";
import type { RulesetChange } from "../../ir/change.ts";
import type { DomainSetName, Ruleset } from "../../ir/ruleset.ts";
import type { Address } from "../../net/address.ts";
import { createLog } from "../../observe/log.ts";
import { createNameLearning } from "./learning.ts";
import type { FromThread, ToThread } from "./messages.ts";
import type { startNameThread } from "./thread.ts";

const address = "10.0.0.1" as Address;
const set = "d-1" as DomainSetName;
const entry: LearnedName = { set, address: "192.0.2.1" as Address, seconds: 5, graceSeconds: 65 };

function rulesetOf(names: readonly string[]): Ruleset {
  const clause = { match: { kind: "peers", peers: { groups: [], addresses: [], domains: set }, ports: null } };
  const chain = { name: "eg", admin: names.length > 0 ? [clause] : [], networkPolicy: null, baseline: [] };
  const endpoint = { address, pod: "a/p", ingress: null, egress: "eg", auditIngress: null, auditEgress: null };
  return {
    node: { names: { queue: 1, resolvers: [] } },
    domainSets: new Map(names.length > 0 ? [[set, { name: set, patterns: names }]] : []),
    chains: new Map([["eg", chain]]),
    endpoints: new Map([[address, endpoint]]),
  } as unknown as Ruleset;
}

const changeOf = (more: Partial<RulesetChange> = {}): RulesetChange => ({
  node: null,
  newGroups: [],
  newPairSets: [],
  newDomainSets: [],
  newChains: [],
  groups: [],
  pairSets: [],
  endpoints: [],
  goneEndpoints: [],
  goneChains: [],
  goneGroups: [],
  gonePairSets: [],
  goneDomainSets: [],
  canDeny: false,
  ...more,
});

/** Threads, a kernel and a clock that do what the test says. */
function scripted() {
  const threads: { readonly told: ToThread[]; tell: (message: FromThread) => void; end: (reason: Error) => void }[] =
    [];
  const startThread = ((_options, listener) => {
    const told: ToThread[] = [];
    const end = (reason: Error) => listener.ended(reason);
    threads.push({ told, tell: listener.message, end });
    return {
      send: (message) => void told.push(message),
      stop: () => {
        told.push({ kind: "stop" });
        return turn().then(() => end(new Error("it has ended")));
      },
    };
  }) as typeof startNameThread;
  const kernel = { learned: [] as LearnedName[], decided: 0, refusal: null as Error | null };
  const act = (work: () => void): Promise<void> => {
    if (kernel.refusal !== null) return Promise.reject(kernel.refusal);
    work();
    return Promise.resolve();
  };
  const names: NameSets = {
    learn: (entries) => act(() => void kernel.learned.push(...entries)),
    held: () => Promise.resolve([entry]),
    decideAnew: () => act(() => void (kernel.decided += 1)),
  };
  const sleepers: (() => void)[] = [];
  const lines: string[] = [];
  const log = createLog({ format: "text", level: "info", write: (line) => void lines.push(line), now: () => 0 });
  const clock = {
    now: () => 0,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleepers.push(resolve);
        signal?.addEventListener("abort", () => resolve());
      }),
  };
  const settings = { netns: null, queue: 9053, minTtl: 5, maxTtl: 60, grace: 60 };
  const learning = createNameLearning({ ...settings, names, clock, log, podAt: () => "a/p", startThread });
  const wake = async (): Promise<void> => {
    for (const resolve of sleepers.splice(0)) resolve();
    await turn();
  };
  const kinds = (index: number): readonly string[] => (threads[index]?.told ?? []).map(({ kind }) => kind);
  return { learning, threads, kernel, lines, wake, kinds };
}

describe("learning names", () => {
  it("starts with the first policy that names some, follows what changes, ends with the last", async () => {
    const { learning, threads, kinds } = scripted();
    learning.enforced(rulesetOf([]), null);
    assert.equal(threads.length, 0);
    learning.enforced(rulesetOf(["a.org"]), null);
    await turn();
    assert.deepEqual(kinds(0), ["follow", "adopt"]);
    learning.enforced(rulesetOf(["b.org"]), changeOf());
    assert.equal(kinds(0).length, 2, "a change that has nothing to do with names is not looked at");
    learning.enforced(rulesetOf(["a.org"]), changeOf({ goneEndpoints: [address] }));
    assert.equal(kinds(0).length, 2, "nor is what is the same told again");
    learning.enforced(rulesetOf(["b.org", "a.org"]), changeOf({ newDomainSets: [{ name: set, patterns: [] }] }));
    await turn();
    assert.deepEqual(kinds(0), ["follow", "adopt", "follow", "adopt"], "a new set can hold something from the start");
    assert.deepEqual([learning.counts().patterns, learning.counts().subjects], [2, 1]);
    learning.enforced(rulesetOf(["b.org", "a.org"]), null);
    await turn();
    assert.equal(kinds(0).length, 5);
    assert.equal(kinds(0).at(-1), "adopt", "after a comparison it looks what is held");
    learning.enforced(rulesetOf([]), changeOf({ goneDomainSets: [set] }));
    assert.equal(kinds(0).at(-1), "stop");
    learning.enforced(rulesetOf(["a.org"]), changeOf({ newDomainSets: [{ name: set, patterns: [] }] }));
    assert.equal(threads.length, 1, "not before the last one has given the queue up");
    await turn();
    await turn();
    assert.equal(threads.length, 2);
    assert.deepEqual(kinds(1), ["follow", "adopt"]);
    learning.enforced(rulesetOf([]), changeOf({ goneDomainSets: [set] }));
    await learning.stop();
    assert.equal(kinds(1).at(-1), "stop");
    assert.equal(threads.length, 2);
  });

  it("says that a batch is in the kernel, or that it was refused, and goes on", async () => {
    const { learning, threads, kernel, lines } = scripted();
    learning.enforced(rulesetOf(["a.org"]), null);
    threads[0]?.tell({ kind: "learn", number: 1, entries: [entry] });
    await turn();
    assert.deepEqual(threads[0]?.told.at(-1), { kind: "completed", number: 1, taken: true });
    assert.deepEqual(kernel.learned, [entry]);
    kernel.refusal = new DataplaneError("no room", "errno ENFILE");
    for (const number of [2, 3]) threads[0]?.tell({ kind: "learn", number, entries: [entry] });
    await turn();
    assert.deepEqual(threads[0]?.told.slice(-2), [
      { kind: "completed", number: 2, taken: false },
      { kind: "completed", number: 3, taken: false },
    ]);
    assert.equal(learning.counts().refused, 2);
    assert.equal(lines.filter((line) => line.includes("does not take addresses")).length, 1);
  });

  it("has connections decided again when a grace is over, until the kernel has done it", async () => {
    const { learning, threads, kernel, wake } = scripted();
    learning.enforced(rulesetOf(["a.org"]), null);
    await turn();
    assert.equal(kernel.decided, 1, "what ended while nobody looked");
    for (let count = 0; count < 4; count += 1) threads[0]?.tell({ kind: "grace-over" });
    await turn();
    assert.equal(kernel.decided, 1, "not more than once a second");
    await wake();
    assert.equal(kernel.decided, 2, "all of them at once");
    await wake();
    kernel.refusal = new Error("not now");
    threads[0]?.tell({ kind: "grace-over" });
    await turn();
    kernel.refusal = null;
    assert.equal(kernel.decided, 2);
    await wake();
    assert.equal(kernel.decided, 3);
    await learning.stop();
  });

  it("that ends by itself is tried again, and told of once for each reason", async () => {
    const { learning, threads, lines, wake } = scripted();
    learning.enforced(rulesetOf(["a.org"]), null);
    const refused = Object.assign(new Error("nfqueue bind: EPERM"), { code: "EPERM" });
    for (const index of [0, 1]) {
      threads[index]?.end(refused);
      assert.equal(learning.counts().isListening, false);
      assert.equal(threads.length, index + 1);
      await wake();
      assert.equal(threads.length, index + 2);
    }
    assert.equal(lines.filter((line) => /EPERM.*--dns-queue/.test(line)).length, 1);
    threads[2]?.tell({ kind: "listening" });
    assert.equal(learning.counts().isListening, true);
    threads[2]?.end(refused);
    assert.equal(lines.filter((line) => /EPERM.*--dns-queue/.test(line)).length, 2);
    await learning.stop();
    await wake();
    assert.equal(threads.length, 3, "not after it was told to stop");
  });

  it("tells the pod, not only its address, of a limit", () => {
    const { learning, threads, lines } = scripted();
    learning.enforced(rulesetOf(["a.org"]), null);
    threads[0]?.tell({ kind: "over", limit: "name", pod: address, name: "x\n.a.org" });
    assert.match(lines.at(-1) ?? "", /limit=name pod=a\/p name="?x\\\\?n\.a\.org/);
  });
});
