/** Which kinds of policies are installed: what may be believed of it, and how often it is asked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answer, end, intercept, silence } from "./intercept.ts";
import { playing, Scene } from "./scene.ts";
import { paths, setUnreadKind } from "./scripted-cluster.ts";

const group = "/apis/k8s.cni.cncf.io";
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "multi-networkpolicies.k8s.cni.cncf.io", uid: "crd" },
};

const found = (scene: Scene): readonly string[] => scene.state.findings.map(({ object }) => object);

describe("kinds of policies", () => {
  for (const [what, astray] of [
    ["404", () => answer(404, "default backend - 404", "text/plain")],
    ["{}", () => answer(200, "{}")],
    ["an empty list of groups", () => answer(404, '{"kind":"APIGroupList","groups":[]}')],
  ] as const) {
    it(`are not gone because somebody answers everything with ${what}`, async () => {
      const scene = new Scene();
      setUnreadKind(scene.api, true);
      let isAstray = false;
      intercept(scene, () => (isAstray ? astray() : null));
      await playing(scene, async () => {
        isAstray = true;
        for (const path of scene.api.collections.keys()) end(scene, path);
        await scene.clock.pass(200_000);
        assert.deepEqual(found(scene), ["MultiNetworkPolicy/unread"]);
        assert.equal(scene.source.health?.().connected, false);
      });
    });
  }

  it("are asked for again where the answer stalls", async () => {
    const scene = new Scene();
    let first = true;
    intercept(scene, ({ path }) => {
      if (!first || path !== group) return null;
      first = false;
      return silence();
    });
    await playing(scene, async () => {
      await scene.clock.pass(29_000);
      assert.ok(!scene.state.begun);
      await scene.clock.pass(3000);
      assert.ok(scene.state.begun);
    });
  });

  it("that are defined and not served yet are waited for at a fresh start, for some seconds", async () => {
    for (const served of [3000, Infinity]) {
      const scene = new Scene();
      scene.api.put(paths.definitions, definition);
      await playing(scene, async () => {
        await scene.clock.pass(2500);
        assert.ok(!scene.state.begun);
        if (served !== Infinity) setUnreadKind(scene.api, true);
        await scene.clock.pass(served === Infinity ? 10_000 : 2000);
        assert.ok(scene.state.begun);
        assert.deepEqual(found(scene), served === Infinity ? [] : ["MultiNetworkPolicy/unread"]);
      });
    }
  });

  it("that are defined and never served are asked for less and less", async () => {
    const scene = new Scene();
    await playing(scene, async () => {
      scene.api.put(paths.definitions, definition);
      await scene.clock.pass(10_000);
      scene.asked(group);
      await scene.clock.pass(600_000);
      const asked = scene.asked(group).length;
      assert.ok(asked >= 8 && asked <= 20, `${asked} times in ten minutes`);
    });
  });

  it("whose definition is changed are asked for some times: it may be served in another version a moment later", async () => {
    const scene = new Scene();
    setUnreadKind(scene.api, true);
    await playing(scene, async () => {
      await scene.clock.pass(60_000);
      scene.asked(group);
      scene.api.put(paths.definitions, { ...definition, metadata: { ...definition.metadata, generation: 2 } });
      await scene.clock.pass(10_000);
      const asked = scene.asked(group).length;
      assert.ok(asked >= 4 && asked <= 8, `${asked} times`);
      await scene.clock.pass(60_000);
      assert.equal(scene.asked(group).length, 0);
    });
  });

  it("that cannot be asked for make the source less than connected: one that is installed now would go unseen", async () => {
    const scene = new Scene();
    let isAway = false;
    intercept(scene, ({ path }) => (isAway && path.startsWith("/apis/k8s.cni") ? answer(503, "") : null));
    await playing(scene, async () => {
      await scene.clock.pass(10_000);
      isAway = true;
      await scene.clock.pass(700_000);
      assert.match(scene.source.health?.().reason ?? "", /discovery at \/apis\/k8s.cni.cncf.io: 503/);
      isAway = false;
      await scene.clock.pass(60_000);
      assert.equal(scene.source.health?.().connected, true);
    });
  });
});
