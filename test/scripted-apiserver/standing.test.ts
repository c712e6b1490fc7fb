/** What is in force, and what is said, when objects, rights and kinds are not as they should be. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCluster } from "../../src/source/apiserver/read-cluster.ts";
import type { Pod } from "../../src/kube/objects.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { namespace, networkPolicy, pod } from "../ask.ts";
import { Broken } from "./api.ts";
import { scriptedClient } from "./client.ts";
import { ScriptedClock } from "./clock.ts";
import { playing, Scene } from "./scene.ts";
import { makeObject, newServer, paths, put, setUnreadKind } from "./scripted-cluster.ts";

const { pods, policies } = paths;

const valid = { podSelector: {}, ingress: [{}] };
const broken = { podSelector: {}, ingress: [{ ports: [{ port: 99_999 }] }] };
const wrongPort = "spec.ingress[0].ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive";

function policy(spec: object, uid = "u1", generation = 1) {
  return networkPolicy("a/p", spec, { uid, generation });
}

function ingressOf(scene: Scene): unknown {
  return (scene.state.objects.get("NetworkPolicy/a/p") as Policy | undefined)?.ingress?.[0]?.peers;
}

describe("an object that does not validate", () => {
  it("leaves its last valid version in force, and says so with its place in the API", async () => {
    const scene = new Scene();
    scene.api.put(policies, policy(valid));
    await playing(scene, async () => {
      scene.api.put(policies, policy(broken, "u1", 2));
      await scene.clock.pass(0);
      assert.equal(ingressOf(scene), null);
      const [finding] = scene.state.findings;
      assert.equal(finding?.message, `${wrongPort}; the last valid version stays in force`);
      const reference = {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        namespace: "a",
        name: "p",
        uid: "u1",
      };
      assert.deepEqual(finding.reference, { ...reference, resourceVersion: String(scene.api.version) });
      scene.api.put(policies, policy(valid, "u1", 3));
      await scene.clock.pass(0);
      assert.deepEqual(scene.state.findings, []);
    });
  });

  it("fails closed where there is no last version: at a fresh start, and under another uid", async () => {
    const scene = new Scene();
    scene.api.put(policies, policy(broken));
    await playing(scene, async () => {
      assert.deepEqual(ingressOf(scene), []);
      assert.equal(scene.state.findings[0]?.message, wrongPort);
      scene.api.put(policies, policy(valid));
      await scene.clock.pass(0);
      assert.equal(ingressOf(scene), null);
      scene.api.remove(policies, "a", "p");
      scene.api.put(policies, policy(broken, "u2"));
      await scene.clock.pass(0);
      assert.deepEqual(ingressOf(scene), []);
    });
  });

  it("fails closed where another object took its name while nobody watched", async () => {
    const scene = new Scene();
    scene.api.put(policies, policy(valid));
    await playing(scene, async () => {
      for (const { stream } of scene.api.collections.get(policies)?.watchers ?? []) stream.end(new Broken("reset"));
      scene.api.remove(policies, "a", "p");
      scene.api.put(policies, policy(broken, "u2"));
      scene.api.collections.get(policies)?.forget(scene.api.version);
      await scene.clock.pass(10_000);
      assert.deepEqual(ingressOf(scene), []);
      assert.equal(scene.state.findings[0]?.message, wrongPort);
    });
  });

  it("keeps the version that was valid through a list, and through further invalid ones", async () => {
    const scene = new Scene();
    scene.api.put(policies, policy(valid));
    await playing(scene, async () => {
      scene.api.put(policies, policy(broken, "u1", 2));
      await scene.clock.pass(0);
      scene.api.collections.get(policies)?.forget(scene.api.version + 1);
      scene.api.put(policies, policy({ ...broken, egress: [{}] }, "u1", 3));
      for (const { stream } of scene.api.collections.get(policies)?.watchers ?? []) stream.end();
      await scene.clock.pass(10_000);
      assert.equal(ingressOf(scene), null);
      assert.match(scene.state.findings[0]?.message ?? "", /the last valid version stays in force$/);
    });
  });
});

describe("pods", () => {
  it("that were deleted while nobody watched are gone, and one of the same name is another one", async () => {
    const scene = new Scene();
    scene.api.put(pods, pod("a/old", "10.0.0.1", { labels: { a: "1" } }));
    scene.api.put(pods, { ...makeObject("pods", 0, 1, "first") });
    await playing(scene, async () => {
      for (const { stream } of scene.api.collections.get(pods)?.watchers ?? []) stream.end(new Broken("reset"));
      scene.api.remove(pods, "a", "old");
      scene.api.remove(pods, "a", "x0");
      scene.api.put(pods, { ...makeObject("pods", 0, 1, "second") });
      scene.api.put(pods, pod("a/new", "10.0.0.1"));
      scene.api.collections.get(pods)?.forget(scene.api.version);
      await scene.clock.pass(10_000);
      assert.deepEqual([...scene.state.objects.keys()].sort(), ["Pod/a/new", "Pod/a/x0"]);
      assert.equal((scene.state.objects.get("Pod/a/x0") as Pod).uid, "second");
    });
  });

  it("half of a list is not given out", async () => {
    const scene = new Scene();
    scene.api.watchList = "422";
    for (let index = 0; index < 1500; index++) scene.api.put(pods, pod(`a/p${index}`, "10.0.0.1"));
    await playing(scene, async () => {
      for (let index = 0; index < 1500; index += 100) scene.api.put(pods, pod(`a/p${index}`, "10.0.0.2"));
      await scene.clock.pass(0);
      for (const { stream } of scene.api.collections.get(pods)?.watchers ?? []) stream.end(new Broken("reset"));
      scene.api.remove(pods, "a", "p1499");
      scene.api.put(pods, pod("a/p3", "10.0.0.3"));
      scene.api.put(pods, pod("a/p1400", "10.0.0.3"));
      scene.api.collections.get(pods)?.forget(scene.api.version);
      let lists = 0;
      scene.api.script = ({ path, verb }) =>
        path === pods && verb === "list" && ++lists === 1 ? { kind: "cut", after: 40_000, broken: true } : null;
      await scene.clock.pass(1600);
      assert.equal(lists, 1, "the list that is cut, and no other");
      // Something else is given out meanwhile, and one that the half had named goes.
      put(scene.api, "nodes", 1, 1, false);
      scene.api.remove(pods, "a", "p5");
      await scene.clock.pass(0);
      assert.deepEqual((scene.state.objects.get("Pod/a/p3") as Pod).addresses, ["10.0.0.1"]);
      await scene.clock.pass(10_000);
      assert.equal(scene.state.objects.has("Pod/a/p5"), false);
      assert.deepEqual((scene.state.objects.get("Pod/a/p3") as Pod).addresses, ["10.0.0.3"]);
      assert.equal(scene.state.objects.has("Pod/a/p1499"), false);
    });
  });

  it("a change that changes nothing for us is no change", async () => {
    const scene = new Scene();
    put(scene.api, "pods", 1, 1, false);
    await playing(scene, async () => {
      const before = scene.state.objects.get("Pod/b/x1");
      const { digest } = scene.state;
      put(scene.api, "pods", 1, 1, false);
      await scene.clock.pass(0);
      assert.equal(scene.state.objects.get("Pod/b/x1"), before);
      assert.notEqual(scene.state.digest, digest);
    });
  });
});

describe("rights and kinds", () => {
  it("nothing is complete before what every cluster has may be read; the missing right is named", async () => {
    const scene = new Scene();
    let allowed = false;
    scene.api.script = ({ path }) => (path === pods && !allowed ? { kind: "status", code: 403 } : null);
    await playing(scene, async () => {
      assert.ok(scene.state.begun);
      assert.equal(scene.state.complete, false);
      assert.equal(scene.source.health?.().connected, false);
      const [finding] = scene.state.findings;
      assert.equal(finding?.object, "pods");
      assert.match(finding.message, /grant get, list and watch on pods: 403/);
      allowed = true;
      put(scene.api, "pods", 1, 1, false);
      await scene.clock.pass(60_000);
      assert.deepEqual(scene.state.findings, []);
      assert.equal(scene.state.complete, true);
      assert.equal(scene.state.objects.size, 1);
    });
  });

  it("a kind of policy that comes and goes is noticed within seconds where definitions may be watched", async () => {
    const scene = new Scene();
    await playing(scene, async () => {
      await scene.clock.pass(20_000);
      setUnreadKind(scene.api, true);
      await scene.clock.pass(2000);
      const message = "MultiNetworkPolicy is not supported by this version: it has no effect";
      assert.deepEqual(
        scene.state.findings.map((finding) => finding.message),
        [message],
      );
      setUnreadKind(scene.api, false);
      await scene.clock.pass(2000);
      assert.deepEqual(scene.state.findings, []);
      assert.equal(scene.source.health?.().resources.length, 5);
    });
  });

  it("without that right it is seen at the next look, and gone when the server has said so for some seconds", async () => {
    const scene = new Scene();
    scene.api.script = ({ path }) => (path === paths.definitions ? { kind: "status", code: 403 } : null);
    setUnreadKind(scene.api, true);
    await playing(scene, async () => {
      assert.equal(scene.state.findings.length, 1);
      setUnreadKind(scene.api, false);
      await scene.clock.pass(4000);
      assert.equal(scene.state.findings.length, 1);
      await scene.clock.pass(40_000);
      assert.deepEqual(scene.state.findings, []);
    });
  });
});

describe("a live cluster, read once", () => {
  it("is as new as the call", async () => {
    const api = newServer();
    api.add({ path: "/api/v1/services", apiVersion: "v1", kind: "Service" });
    put(api, "pods", 1, 1, false);
    const read = await readCluster(scriptedClient(api), { clock: new ScriptedClock(), random: () => 0 });
    assert.equal(read.cluster.objects.length, 1);
    assert.ok(api.asked.every(({ query }) => query.get("resourceVersion") === null));
  });

  it("rejects where no server answers", async () => {
    const api = newServer();
    api.script = () => ({ kind: "unreachable" });
    const clock = new ScriptedClock();
    const reading = readCluster(scriptedClient(api), { clock, random: () => 0 });
    await Promise.all([assert.rejects(reading, /connection refused/), clock.pass(10_000)]);
  });
});

describe("a pod whose Namespace was not told yet", () => {
  const closed = { "kubernetes.io/metadata.name": "new", "portcullis.dev/default-verdict": "deny" };
  const labelsOfNew = (scene: Scene): object | null => {
    const found = scene.state.objects.get("Namespace/new");
    return found !== undefined && "labels" in found ? Object.fromEntries(found.labels) : null;
  };

  it("is denied what no policy allows, until the Namespace comes, whatever the order of the watches", async () => {
    const scene = new Scene({ closedUntilKnown: true });
    scene.api.put(pods, pod("new/first", "10.0.0.1"));
    await playing(scene, async () => {
      assert.deepEqual(labelsOfNew(scene), closed);
      scene.api.put(paths.namespaces, namespace("new", { "portcullis.dev/default-verdict": "accept" }));
      await scene.clock.pass(0);
      assert.deepEqual(labelsOfNew(scene), { ...closed, "portcullis.dev/default-verdict": "accept" });
      scene.api.remove(paths.namespaces, null, "new");
      await scene.clock.pass(0);
      assert.deepEqual(labelsOfNew(scene), closed);
      scene.api.remove(pods, "new", "first");
      await scene.clock.pass(0);
      assert.equal(labelsOfNew(scene), null);
    });
  });
});
