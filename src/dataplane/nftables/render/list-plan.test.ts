import assert from "node:assert/strict";
import { it } from "node:test";
import { namespace, node, pod } from "../../../../test/ask.ts";
import { type ApiObject, clusterOf } from "../../../../test/cluster-of.ts";
import { createCompiler } from "../../../compile/incremental.ts";
import type { Change } from "../../../policy/cluster.ts";
import { diffPrograms } from "../diff.ts";
import { markLayout } from "../generation.ts";
import { Mirror } from "../mirror.ts";

function policy(name: string, priority: number, ingress: readonly object[]): ApiObject {
  const spec = { tier: "Admin", priority, subject: { namespaces: {} }, ingress };
  return { apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata: { name }, spec };
}

const rule = (action: string, app: string, more: object = {}): object => ({
  action,
  from: [{ namespaces: { matchLabels: { app } } }],
  ...more,
});
const somePorts = {
  protocols: [80, 82, 84, 86, 88, 90, 92].map((number) => ({ tcp: { destinationPort: { number } } })),
};

it("a list of a class of ports that becomes one for every port is the same chain as at a fresh start", () => {
  const layout = markLayout(0xffff0000);
  const compiler = createCompiler({
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  const before = [
    node("node-1", ["192.0.2.1"], ["10.1.0.0/16"]),
    namespace("alpha"),
    pod("alpha/web", ["10.1.1.1"], { spec: { nodeName: "node-1" } }),
    policy("last", 20, [rule("Deny", "a"), rule("Accept", "b"), rule("Deny", "c")]),
    policy("one", 10, [rule("Accept", "x", somePorts)]),
  ];
  const after = [policy("one", 10, [rule("Accept", "x")]), policy("first", 5, [rule("Deny", "z", somePorts)])];
  const mirror = new Mirror("portcullis", layout, 1, compiler.load(clusterOf(before)));
  const changes = clusterOf(after).policies.map((one): Change => ({ kind: "policy", policy: one }));
  mirror.change(compiler.apply(changes), true);
  const fresh = new Mirror("portcullis", layout, mirror.generation, compiler.ruleset());
  assert.deepEqual(diffPrograms(mirror.program, fresh.program).differences, []);
});
