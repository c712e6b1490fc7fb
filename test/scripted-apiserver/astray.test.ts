/** Servers and proxies that answer, and whose answers mean nothing: what is in force stays, and it is told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ResourceHealth, SourceHealth } from "../../src/source/source.ts";
import { networkPolicy, pod } from "../ask.ts";
import { answer, end, intercept, isStream, silence } from "./intercept.ts";
import { playing, Scene } from "./scene.ts";
import { paths, put } from "./scripted-cluster.ts";

const { pods, policies } = paths;

/** The watch breaks, and its version is too old by then. */
function forceList(scene: Scene, path: string): void {
  put(scene.api, "namespaces", 1, 1, false);
  scene.api.collections.get(path)?.forget(scene.api.version);
  end(scene, path);
}

const health = (scene: Scene): SourceHealth => {
  const now = scene.source.health?.();
  assert.ok(now);
  return now;
};
const of = (scene: Scene, name: string): ResourceHealth | undefined =>
  health(scene).resources.find((one) => one.resource === name);

describe("an answer 200 that is no list", () => {
  for (const body of [
    '{"metadata":{"resourceVersion":"9"}}',
    '{"kind":"Status","metadata":{"resourceVersion":"9"},"items":[]}',
    '{"kind":"NetworkPolicyList","metadata":{"resourceVersion":""},"items":[]}',
    '{"kind":"NetworkPolicyList","metadata":{"resourceVersion":"9"}',
    "<html></html>",
    "",
  ]) {
    it(`${body || "nothing"}: takes away nothing, and is told of`, async () => {
      const scene = new Scene();
      scene.api.watchList = "422";
      scene.api.put(policies, networkPolicy("a/p", { podSelector: {} }));
      let astray = false;
      const isList = (path: string): boolean => path.startsWith(policies) && !path.includes("watch=1");
      const met = intercept(scene, ({ path }) => (astray && isList(path) ? answer(200, body) : null));
      await playing(scene, async () => {
        astray = true;
        forceList(scene, policies);
        await scene.clock.pass(20_000);
        assert.ok(met.length > 1);
        assert.ok(scene.state.objects.has("NetworkPolicy/a/p"));
        assert.equal(health(scene).connected, false);
        astray = false;
        await scene.clock.pass(60_000);
        assert.ok(scene.state.objects.has("NetworkPolicy/a/p"));
        assert.equal(health(scene).connected, true);
      });
    });
  }
});

describe("a watch that is none", () => {
  it("is told of where each one ends at once", async () => {
    const scene = new Scene();
    let astray = false;
    intercept(scene, () => (astray ? answer(200, "") : null));
    await playing(scene, async () => {
      astray = true;
      for (const path of scene.api.collections.keys()) end(scene, path);
      await scene.clock.pass(60_000);
      assert.equal(health(scene).connected, false);
      astray = false;
      await scene.clock.pass(60_000);
      assert.equal(health(scene).connected, true);
    });
  });

  it("that was to begin with the state, and brings nothing, or no end of it, gives way to a list", async () => {
    for (const empty of [silence, () => answer(200, "")]) {
      const scene = new Scene();
      put(scene.api, "pods", 1, 1, false);
      const met = intercept(scene, (request) => (request.path.startsWith(pods) && isStream(request) ? empty() : null));
      await playing(scene, async () => {
        await scene.clock.pass(200_000);
        assert.equal(met.length, 2);
        assert.ok(scene.state.begun);
        assert.equal(health(scene).connected, true);
      });
    }
  });

  it("is told of while the state that it should begin with does not come, whatever was known before", async () => {
    const scene = new Scene();
    let astray = false;
    intercept(scene, ({ path }) => (astray && path.startsWith(pods) && isStream({ path }) ? answer(200, "") : null));
    await playing(scene, async () => {
      astray = true;
      forceList(scene, pods);
      await scene.clock.pass(1600);
      assert.equal(health(scene).connected, false);
    });
  });

  it("that is too old each time is not answered by one list after the other", async () => {
    const scene = new Scene();
    scene.api.watchList = "422";
    let lists = 0;
    let astray = false;
    intercept(scene, ({ path }) => {
      if (!astray || !path.startsWith(pods)) return null;
      if (path.includes("watch=1")) return answer(410, '{"kind":"Status","code":410,"reason":"Expired"}');
      lists += 1;
      return null;
    });
    await playing(scene, async () => {
      astray = true;
      end(scene, pods);
      await scene.clock.pass(60_000);
      assert.ok(lists >= 3 && lists <= 8, `${lists} lists in a minute`);
    });
  });
});

describe("a server that has gone back to an older state", () => {
  it("takes watches from a version that it has not come to, and is found out", async () => {
    const scene = new Scene();
    scene.api.put(policies, networkPolicy("a/kept", { podSelector: {} }));
    for (let index = 0; index < 30; index++) scene.api.put(policies, networkPolicy(`a/lost${index}`, {}));
    await playing(scene, async () => {
      // As etcd is restored: what was written since the copy has never been.
      for (let index = 0; index < 30; index++) scene.api.remove(policies, "a", `lost${index}`);
      await scene.clock.pass(0);
      scene.api.put(policies, networkPolicy("a/lost", { podSelector: {} }));
      await scene.clock.pass(0);
      assert.ok(scene.state.objects.has("NetworkPolicy/a/lost"));
      scene.api.collections.get(policies)?.undo("a", "lost");
      scene.api.version = 5;
      for (const path of scene.api.collections.keys()) end(scene, path);
      await scene.clock.pass(130_000);
      assert.equal(scene.state.objects.has("NetworkPolicy/a/lost"), false);
      assert.ok(scene.state.objects.has("NetworkPolicy/a/kept"));
      scene.api.put(policies, networkPolicy("a/new", { podSelector: {} }));
      await scene.clock.pass(0);
      assert.ok(scene.state.objects.has("NetworkPolicy/a/new"));
      assert.equal(of(scene, "networkpolicies.networking.k8s.io")?.resourceVersion, "6");
    });
  });

  it("is asked once for its version where a connection broke and then nothing came, and not listed", async () => {
    const scene = new Scene();
    put(scene.api, "pods", 1, 1, false);
    await playing(scene, async () => {
      const { version } = scene.api;
      scene.asked(pods);
      end(scene, pods);
      await scene.clock.pass(200_000);
      assert.deepEqual(scene.asked(pods), [
        `watch from ${version}`,
        `check from ${version} in pages`,
        `watch from ${version}`,
      ]);
    });
  });
});

describe("a page that the server does not know", () => {
  it("is not asked for again for ever: the list begins anew", async () => {
    const scene = new Scene();
    scene.api.watchList = "422";
    for (let index = 0; index < 1500; index++) scene.api.put(pods, pod(`a/p${index}`, "10.0.0.1"));
    intercept(scene, ({ path }) =>
      path.includes("continue=") ? answer(400, '{"kind":"Status","code":400,"reason":"BadRequest"}') : null,
    );
    await playing(scene, async () => {
      await scene.clock.pass(10_000);
      assert.equal(scene.state.objects.size, 1500);
    });
  });
});
