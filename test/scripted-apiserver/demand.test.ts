/** What is followed only since policies speak of it: all Nodes, and the Service of the cluster's DNS. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { namespace, node } from "../ask.ts";
import type { ApiObject } from "../cluster-of.ts";
import type { ScriptedApi } from "./api.ts";
import { playing, Scene } from "./scene.ts";
import { paths } from "./scripted-cluster.ts";

const admin = "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies";
const services = "/api/v1/namespaces/kube-system/services";
const apiVersion = "policy.networking.k8s.io/v1alpha1";

function policy(name: string, to: object, generation = 1): ApiObject {
  const rule = { action: "Allow", to: [to] };
  const spec = { priority: 1, subject: { namespaces: {} }, egress: [rule] };
  return { apiVersion, kind: "AdminNetworkPolicy", metadata: { name, uid: name, generation }, spec };
}

const toNodes = { nodes: { matchLabels: { role: "storage" } } };
const toNamespaces = { namespaces: {} };
const toNames = { domainNames: ["example.org"] };

function cluster(api: ScriptedApi): void {
  const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  api.put(paths.definitions, { ...definition, metadata: { name: "adminnetworkpolicies.policy.networking.k8s.io" } });
  api.add({ path: admin, apiVersion, kind: "AdminNetworkPolicy" });
  api.add({ path: services, apiVersion: "v1", kind: "Service" });
  api.put(paths.namespaces, namespace("kube-system"));
  for (const name of ["here", "there"]) api.put(paths.nodes, node(name, ["192.168.0.1"], [], { role: "storage" }));
  for (const name of ["kube-dns", "other"]) {
    const spec = { clusterIP: "10.96.0.10", ports: [{ port: 53, protocol: "UDP" }] };
    api.put(services, { apiVersion: "v1", kind: "Service", metadata: { namespace: "kube-system", name }, spec });
  }
}

function newScene(): Scene {
  const scene = new Scene({ nodeName: "here", dnsService: { namespace: "kube-system", name: "kube-dns" } });
  cluster(scene.api);
  return scene;
}

/** Whether a request is for all Nodes. */
const isForAll = ({ path, query }: { readonly path: string; readonly query: URLSearchParams }): boolean =>
  path === paths.nodes && query.get("fieldSelector") === null;

const known = ({ state }: Scene, kind: string): readonly string[] =>
  [...state.objects.keys()].filter((key) => key.startsWith(`${kind}/`)).sort();
const nodes = (scene: Scene): readonly string[] => known(scene, "Node");
const policies = (scene: Scene): readonly string[] => known(scene, "AdminNetworkPolicy");

const both = ["Node/here", "Node/there"];

describe("all Nodes", () => {
  it("are followed while a policy names nodes, and are there with it", async () => {
    const scene = newScene();
    await playing(scene, async () => {
      await scene.clock.pass(2000);
      scene.api.put(admin, policy("plain", toNamespaces));
      await scene.clock.pass(100);
      assert.deepEqual([nodes(scene), policies(scene)], [["Node/here"], ["AdminNetworkPolicy/plain"]]);
      assert.ok(!scene.api.asked.some(isForAll));
      const { updates } = scene.state;
      scene.api.put(admin, policy("a", toNodes));
      await scene.clock.pass(100);
      assert.deepEqual(nodes(scene), both);
      assert.ok(policies(scene).includes("AdminNetworkPolicy/a"));
      assert.ok(scene.state.updates <= updates + 2, "the policy and the Nodes are one update");
      scene.api.put(paths.nodes, node("new", ["192.168.0.9"]));
      await scene.clock.pass(100);
      assert.deepEqual(nodes(scene), ["Node/here", "Node/new", "Node/there"]);
      scene.api.remove(admin, null, "a");
      await scene.clock.pass(100);
      assert.deepEqual([nodes(scene), policies(scene)], [["Node/here"], ["AdminNetworkPolicy/plain"]]);
      assert.equal(scene.source.health?.().connected, true);
    });
  });

  it("are waited for: the policy comes with them, a new version of one leaves the old one in force, the rest goes on", async () => {
    const scene = newScene();
    scene.api.put(admin, policy("a", toNamespaces));
    let isRefused = true;
    scene.api.script = (asked) => (isRefused && isForAll(asked) ? { kind: "status", code: 503 } : null);
    await playing(scene, async () => {
      await scene.clock.pass(2000);
      const before = scene.state.objects.get("AdminNetworkPolicy/a");
      assert.ok(before);
      scene.api.put(admin, policy("a", toNodes, 2));
      scene.api.put(admin, policy("b", toNodes));
      scene.api.put(admin, policy("c", toNamespaces));
      await scene.clock.pass(60_000);
      assert.deepEqual(policies(scene), ["AdminNetworkPolicy/a", "AdminNetworkPolicy/c"]);
      assert.deepEqual(scene.state.objects.get("AdminNetworkPolicy/a"), before);
      assert.deepEqual(nodes(scene), ["Node/here"]);
      assert.match(scene.source.health?.().reason ?? "", /^nodes: /);
      scene.api.put(paths.nodes, node("here", ["192.168.0.7"]));
      scene.api.remove(admin, null, "c");
      isRefused = false;
      await scene.clock.pass(60_000);
      assert.deepEqual(nodes(scene), both);
      assert.deepEqual(policies(scene), ["AdminNetworkPolicy/a", "AdminNetworkPolicy/b"]);
      assert.notDeepEqual(scene.state.objects.get("AdminNetworkPolicy/a"), before);
      assert.deepEqual(scene.source.health?.().reason, null);
    });
  });

  it("are in the first snapshot, which waits for them", async () => {
    const scene = newScene();
    scene.api.put(admin, policy("a", toNodes));
    let isRefused = true;
    scene.api.script = (asked) => (isRefused && isForAll(asked) ? { kind: "status", code: 503 } : null);
    await playing(scene, async () => {
      await scene.clock.pass(20_000);
      assert.ok(!scene.state.begun);
      isRefused = false;
      await scene.clock.pass(60_000);
      assert.ok(scene.state.complete);
      assert.deepEqual([nodes(scene), policies(scene)], [both, ["AdminNetworkPolicy/a"]]);
    });
  });

  it("that may not be read leave it incomplete, and a finding says so", async () => {
    const scene = newScene();
    scene.api.put(admin, policy("a", toNodes));
    let isRefused = true;
    scene.api.script = (asked) => (isRefused && isForAll(asked) ? { kind: "status", code: 403 } : null);
    await playing(scene, async () => {
      await scene.clock.pass(20_000);
      assert.ok(scene.state.begun && !scene.state.complete);
      assert.match(scene.state.findings[0]?.message ?? "", /policies that name nodes wait for it; grant get, list/);
      isRefused = false;
      await scene.clock.pass(120_000);
      assert.ok(scene.state.complete);
      assert.deepEqual([nodes(scene), scene.state.findings], [both, []]);
    });
  });

  it("are not followed any more when the kind of policy goes", async () => {
    const scene = newScene();
    scene.api.put(admin, policy("a", toNodes));
    await playing(scene, async () => {
      await scene.clock.pass(2000);
      assert.deepEqual(nodes(scene), both);
      scene.api.remove(paths.definitions, null, "adminnetworkpolicies.policy.networking.k8s.io");
      scene.api.drop(admin);
      await scene.clock.pass(10_000);
      assert.deepEqual([nodes(scene), policies(scene)], [["Node/here"], []]);
    });
  });
});

describe("the Service of the cluster's DNS", () => {
  it("is followed while a policy names domains, and no other is", async () => {
    const scene = newScene();
    await playing(scene, async () => {
      await scene.clock.pass(2000);
      assert.deepEqual(scene.asked(services), []);
      scene.api.put(admin, policy("a", toNames));
      await scene.clock.pass(100);
      assert.deepEqual(known(scene, "Service"), ["Service/kube-system/kube-dns"]);
      assert.deepEqual(nodes(scene), ["Node/here"]);
      scene.api.put(admin, policy("a", toNamespaces, 2));
      await scene.clock.pass(100);
      assert.deepEqual(known(scene, "Service"), []);
      scene.api.put(admin, policy("a", toNames, 3));
      await scene.clock.pass(100);
      assert.deepEqual(known(scene, "Service"), ["Service/kube-system/kube-dns"]);
    });
  });

  it("that may not be read is told of, and keeps nothing else from being enforced", async () => {
    const scene = newScene();
    scene.api.put(admin, policy("a", toNames));
    scene.api.script = ({ path }) => (path === services ? { kind: "status", code: 403 } : null);
    await playing(scene, async () => {
      await scene.clock.pass(2000);
      assert.ok(scene.state.complete);
      assert.match(scene.state.findings[0]?.message ?? "", /its answers tell nothing/);
    });
  });
});
