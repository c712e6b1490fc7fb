import assert from "node:assert/strict";
import { it } from "node:test";
import { node, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import { everyPod } from "../model/selection.ts";
import type { Change } from "../policy/cluster.ts";
import type { Action, Policy, PolicyId } from "../policy/policy.ts";
import { createCompiler } from "./incremental.ts";

function ofAdmin(action: Action): Policy {
  const peers = [{ kind: "pods" as const, selection: everyPod }];
  return {
    id: "AdminNetworkPolicy/one" as PolicyId,
    kind: "AdminNetworkPolicy",
    namespace: null,
    name: "one",
    tier: "admin",
    priority: 0,
    mode: "enforce",
    subject: everyPod,
    ingress: [{ rule: 0, ruleName: null, action, peers, ports: null }],
    egress: null,
  };
}

const change = (object: ApiObject): Change[] =>
  clusterOf([object]).objects.map((one): Change => ({ kind: "object", object: one }));

function compilerWith(policies: readonly Policy[]) {
  const compiler = createCompiler({
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  const { objects } = clusterOf([
    node("node-1", ["192.168.50.1"], ["10.244.1.0/24"]),
    pod("alpha/one", "10.244.1.9", { spec: { nodeName: "node-1", containers: [] } }),
  ]);
  compiler.load({ objects, policies });
  return compiler;
}

it("a pod that joins a group can deny only where the group is denied or passed", () => {
  const remote = change(pod("alpha/two", "10.244.2.9"));
  for (const action of ["accept", "deny", "pass"] as const) {
    assert.equal(compilerWith([ofAdmin(action)]).apply(remote).canDeny, action !== "accept", action);
  }
});

it("other pod ranges of the node can deny: more addresses may be unknown", () => {
  const { node: rules, canDeny } = compilerWith([]).apply(change(node("node-1", ["192.168.50.1"], ["10.244.0.0/16"])));
  assert.deepEqual([rules?.gateways, canDeny], [["10.244.0.1"], true]);
});

it("load starts anew, whatever was known before", () => {
  const compiler = compilerWith([ofAdmin("deny")]);
  assert.equal(compiler.ruleset().endpoints.size, 1);
  const { endpoints, chains, groups } = compiler.load({ objects: [], policies: [] });
  assert.deepEqual([endpoints.size, chains.size, groups.size], [0, 0, 0]);
});
