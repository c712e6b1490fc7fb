import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { apiServerSource } from "../../src/source/apiserver/apiserver.ts";
import { tries } from "../property.ts";
import { scriptedClient } from "./client.ts";
import type { Chop } from "./client.ts";
import { ScriptedClock } from "./clock.ts";
import { FollowedState } from "./followed-state.ts";
import { anyStep, Misfortune } from "./misfortune.ts";
import type { Step } from "./misfortune.ts";
import { followedResources, installTiers, newServer, paths, put, wanted } from "./scripted-cluster.ts";

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

/** Longer than anything waits. */
const longMs = 150_000;

function chopInto(size: number): Chop {
  return function* (bytes) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
}

/** The same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Scene {
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  readonly watchList: "yes" | "422" | "500-event";
  readonly expiredAs: "answer" | "event";
  readonly protobuf: boolean;
  readonly chunk: number;
  readonly seed: number;
  /** Null: it follows all Nodes, whatever policies name. */
  readonly nodeName: string | null;
}

const scenes: fc.Arbitrary<Scene> = fc.record({
  before: fc.array(anyStep, { maxLength: 8 }),
  after: fc.array(anyStep, { maxLength: 40 }),
  watchList: fc.constantFrom("yes", "422", "500-event"),
  expiredAs: fc.constantFrom("answer", "event"),
  protobuf: fc.boolean(),
  chunk: fc.constantFrom(7, 100, 1 << 20),
  seed: fc.nat(),
  nodeName: fc.constantFrom(null, "x1", "x1"),
});

async function play(scene: Scene): Promise<void> {
  const { watchList, expiredAs, protobuf, chunk, seed, nodeName } = scene;
  const api = Object.assign(newServer(), { watchList, expiredAs, protobuf });
  installTiers(api);
  for (const resource of followedResources)
    for (let index = 0; index < 3; index++) put(api, resource, index, index, false);
  const clock = new ScriptedClock();
  const misfortune = new Misfortune(api, clock);
  const client = scriptedClient(api, chopInto(chunk));
  const own = nodeName === null ? {} : { nodeName };
  const source = apiServerSource(client, { services: false, clock, random: randomOf(seed), log: silent, ...own });
  for (const step of scene.before) await misfortune.suffer(step);
  const state = new FollowedState();
  const stop = new AbortController();
  const following = state.follow(source, stop.signal);
  try {
    for (const step of scene.after) await misfortune.suffer(step);
    misfortune.heal();
    await clock.pass(longMs);
    assert.equal(state.failure, null);
    assert.ok(state.begun, "never settled");
    assert.deepEqual(state.objects, wanted(api, nodeName));
    assert.equal(state.complete, true);
    const unread = api.collections.has(paths.unread) ? ["MultiNetworkPolicy/unread"] : [];
    assert.deepEqual(
      state.findings.map((finding) => finding.object),
      unread,
    );
    assert.equal(source.health?.().connected, true, source.health?.().reason ?? "");
    assert.deepEqual(misfortune.needless(), []);
  } finally {
    stop.abort();
    await following;
  }
}

describe("a source that follows an API server", () => {
  it("has after any misfortune what a fresh start has, and lists no more than it must", async () => {
    await fc.assert(fc.asyncProperty(scenes, play), tries(300));
  });
});
