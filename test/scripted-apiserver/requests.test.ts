/** What a source asks the server for, when something breaks: as little as will do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pod } from "../ask.ts";
import { Broken } from "./api.ts";
import type { Fault } from "./api.ts";
import { playing, Scene } from "./scene.ts";
import { paths, put } from "./scripted-cluster.ts";

const { pods } = paths;

function breakWatches(scene: Scene): void {
  for (const { stream } of scene.api.collections.get(pods)?.watchers ?? []) stream.end(new Broken("connection reset"));
}

/** The next requests about pods meet these, one each. */
function meet(scene: Scene, ...faults: Fault[]): void {
  scene.api.script = ({ path }) => (path === pods ? (faults.shift() ?? null) : null);
}

const ahead: Fault = {
  kind: "status",
  code: 504,
  fields: { details: { causes: [{ reason: "ResourceVersionTooLarge" }] } },
};

describe("what is asked of the server", () => {
  it("begins with a watch that brings the state, out of the watch cache", async () => {
    const scene = new Scene();
    await playing(scene, async () => assert.deepEqual(scene.asked(pods), ["stream from cache"]));
  });

  it("goes on from the newest event when the connection breaks, and at a random moment", async () => {
    const scene = new Scene();
    await playing(scene, async () => {
      put(scene.api, "pods", 1, 1, false);
      await scene.clock.pass(0);
      const { version } = scene.api;
      scene.asked(pods);
      breakWatches(scene);
      await scene.clock.pass(499);
      assert.deepEqual(scene.asked(pods), []);
      await scene.clock.pass(1);
      assert.deepEqual(scene.asked(pods), [`watch from ${version}`]);
    });
  });

  it("lists again, not older than it knows, only where its version is too old", async () => {
    for (const expiredAs of ["answer", "event"] as const) {
      const scene = new Scene();
      scene.api.expiredAs = expiredAs;
      put(scene.api, "pods", 1, 1, false);
      await playing(scene, async () => {
        const known = scene.api.version;
        put(scene.api, "namespaces", 1, 1, false);
        scene.asked(pods);
        scene.api.collections.get(pods)?.forget(scene.api.version);
        breakWatches(scene);
        await scene.clock.pass(3000);
        assert.deepEqual(scene.asked(pods), [`watch from ${known}`, `stream from ${known}`]);
        assert.equal(scene.source.health?.().connected, true);
      });
    }
  });

  it("remembers that the server refuses to begin a watch with the state", async () => {
    for (const watchList of ["422", "500-event"] as const) {
      const scene = new Scene();
      scene.api.watchList = watchList;
      await playing(scene, async () => {
        const { version } = scene.api;
        assert.deepEqual(scene.asked(pods), ["stream from cache", "list from cache in pages", `watch from ${version}`]);
        put(scene.api, "namespaces", 1, 1, false);
        scene.api.collections.get(pods)?.forget(scene.api.version);
        breakWatches(scene);
        await scene.clock.pass(3000);
        assert.deepEqual(scene.asked(pods).slice(1), [`list from ${version}`, `watch from ${scene.api.version}`]);
      });
    }
  });

  it("asks again for the page that failed, and for everything at once where the pages have expired", async () => {
    for (const fault of [{ kind: "unreachable" }, { kind: "status", code: 410 }] as const) {
      const scene = new Scene();
      scene.api.watchList = "422";
      for (let index = 0; index < 2500; index++)
        scene.api.put(pods, pod(`a/p${index}`, `10.1.${index >> 8}.${index & 255}`));
      let pages = 0;
      scene.api.script = ({ verb }) => (verb === "page" && ++pages === 2 ? fault : null);
      await playing(scene, async () => {
        await scene.clock.pass(2000);
        const again = fault.kind === "status" ? "list from cache" : "page page-2";
        const expected = ["stream from cache", "list from cache in pages", "page page-1", "page page-2", again];
        assert.deepEqual(scene.asked(pods).slice(0, 5), expected);
        assert.equal(scene.state.objects.size, 2500);
      });
    }
  });

  it("leaves the server alone for as long as it asks for, and then some", async () => {
    const scene = new Scene();
    await playing(scene, async () => {
      scene.asked(pods);
      meet(scene, { kind: "status", code: 429, retryAfter: 10 });
      breakWatches(scene);
      await scene.clock.pass(500);
      assert.equal(scene.asked(pods).length, 1);
      await scene.clock.pass(14_900);
      assert.deepEqual(scene.asked(pods), []);
      await scene.clock.pass(200);
      assert.equal(scene.asked(pods).length, 1);
    });
  });

  it("takes the newest state of a server that has lost its version, after asking three times for a newer one", async () => {
    const scene = new Scene();
    put(scene.api, "pods", 1, 1, false);
    await playing(scene, async () => {
      const { version } = scene.api;
      scene.asked(pods);
      meet(scene, ahead, ahead, ahead);
      breakWatches(scene);
      await scene.clock.pass(30_000);
      const watch = `watch from ${version}`;
      assert.deepEqual(scene.asked(pods), [watch, watch, watch, "stream from now"]);
    });
  });

  it("asks for JSON where protobuf comes garbled twice", async () => {
    const scene = new Scene();
    const cut = { kind: "cut", after: 30, broken: false } as const;
    meet(scene, cut, cut, cut);
    scene.api.watchList = "422";
    put(scene.api, "pods", 1, 1, false);
    await playing(scene, async () => {
      await scene.clock.pass(20_000);
      assert.ok(scene.state.begun);
      const types = new Set([...(scene.api.collections.get(pods)?.watchers ?? [])].map((one) => one.form.watchType));
      assert.deepEqual([...types], ["application/json"]);
    });
  });

  it("gives up a list on which nothing comes any more", async () => {
    const scene = new Scene();
    scene.api.watchList = "422";
    const handle = scene.api.handle.bind(scene.api);
    let stalled = false;
    scene.api.handle = (request) => {
      const answer = handle(request);
      if (stalled || !request.path.startsWith(`${pods}?limit`)) return answer;
      stalled = true;
      async function* never() {
        yield Buffer.from("k8");
        await new Promise(() => {});
      }
      return { ...answer, body: never() };
    };
    await playing(scene, async () => {
      await scene.clock.pass(100_000);
      assert.ok(!scene.state.begun);
      await scene.clock.pass(30_000);
      assert.ok(scene.state.begun);
    });
  });

  it("asks for its own Node only", async () => {
    const scene = new Scene({ nodeName: "x1" });
    for (const index of [0, 1, 2]) put(scene.api, "nodes", index, 1, false);
    await playing(scene, async () => assert.deepEqual([...scene.state.objects.keys()], ["Node/x1"]));
  });
});
