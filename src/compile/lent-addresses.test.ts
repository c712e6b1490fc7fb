/** Pods that run elsewhere with an address of this node's ranges: known here, enforced there (semantics.md, 10). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { networkPolicy, node, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import { decide } from "../ir/decide.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import { keyOf } from "../kube/objects.ts";
import { parseAddress } from "../net/address.ts";
import type { Change } from "../policy/cluster.ts";
import { createCompiler } from "./incremental.ts";
import type { CompileOptions } from "./options.ts";

const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: null,
};
const self = (...ranges: readonly string[]): ApiObject => node("node-1", ["192.168.50.1"], ranges);
const on = (name: string, address: string, nodeName: string | null, more: object = {}): ApiObject =>
  pod(name, address, { spec: { containers: [], ...(nodeName === null ? {} : { nodeName }) }, ...more });
const change = (object: ApiObject): Change[] =>
  clusterOf([object]).objects.map((one): Change => ({ kind: "object", object: one }));
const gone = (object: ApiObject): Change[] =>
  clusterOf([object]).objects.map((one): Change => ({ kind: "gone", key: keyOf(one) }));

const closed = networkPolicy("x/closed", { podSelector: {}, policyTypes: ["Ingress"] });

function compilerOf(...objects: readonly ApiObject[]) {
  const compiler = createCompiler(options);
  compiler.load(clusterOf([self("10.0.0.0/24", "fd00::/64"), closed, ...objects]));
  return compiler;
}

/** `address pod`, followed by "closed" where a chain decides. */
const endpointsOf = ({ endpoints }: Ruleset): readonly string[] =>
  [...endpoints.values()].map((one) => `${one.address} ${one.pod}${one.ingress === null ? "" : " closed"}`).sort();

describe("an address of the node's ranges whose pod runs elsewhere", () => {
  const there = on("x/there", "10.0.0.9", "node-2");

  it("is an endpoint without chains, and reached", () => {
    const compiler = compilerOf(there, on("y/here", "10.0.0.8", "node-1"), on("x/far", "10.0.1.9", "node-2"));
    assert.deepEqual(endpointsOf(compiler.ruleset()), ["10.0.0.8 y/here", "10.0.0.9 x/there"]);
    const [client, backend] = [parseAddress("10.0.0.8")!, parseAddress("10.0.0.9")!];
    assert.equal(decide(compiler.ruleset(), { client, backend, protocol: "TCP", port: 80 }), "accept");
  });

  it("is one while the pod has no node yet; then the node it gets decides", () => {
    const compiler = compilerOf();
    const came = compiler.apply(change(on("x/there", "fd00::9", null)));
    assert.equal(came.canDeny, false, "what was unknown accepts more");
    assert.deepEqual(endpointsOf(compiler.ruleset()), ["fd00::9 x/there"]);
    assert.equal(compiler.apply(change(on("x/there", "fd00::9", "node-2"))).endpoints.length, 0);
    const mine = compiler.apply(change(on("x/there", "fd00::9", "node-1")));
    assert.deepEqual([endpointsOf(compiler.ruleset()), mine.canDeny], [["fd00::9 x/there closed"], true]);
  });

  it("loses its chains when its pod leaves this node", () => {
    const compiler = compilerOf(on("x/there", "10.0.0.9", "node-1"));
    assert.equal(compiler.apply(change(there)).goneChains.length, 1);
    assert.deepEqual(endpointsOf(compiler.ruleset()), ["10.0.0.9 x/there"]);
  });

  it("is unknown again when its pod goes, finishes, or takes another address", () => {
    const finished = on("x/there", "10.0.0.9", "node-2", { status: { phase: "Succeeded" } });
    for (const end of [gone(there), change(finished), change(on("x/there", "10.0.1.9", "node-2"))]) {
      const compiler = compilerOf(there);
      const { goneEndpoints, canDeny } = compiler.apply(end);
      assert.deepEqual([goneEndpoints, canDeny], [["10.0.0.9"], true]);
      assert.deepEqual(endpointsOf(compiler.ruleset()), []);
    }
  });

  it("follows its holder", () => {
    const newer = (name: string, nodeName: string): ApiObject =>
      on(name, "10.0.0.9", nodeName, { creationTimestamp: "2026-01-01T00:00:00Z" });
    for (const [holder, expected] of [
      [newer("x/newer", "node-2"), "10.0.0.9 x/newer"],
      [newer("x/newer", "node-1"), "10.0.0.9 x/newer closed"],
    ] as const) {
      const compiler = compilerOf(there);
      assert.equal(compiler.apply(change(holder)).canDeny, true);
      assert.deepEqual(endpointsOf(compiler.ruleset()), [expected]);
      assert.equal(compiler.apply(gone(holder)).canDeny, true);
      assert.deepEqual(endpointsOf(compiler.ruleset()), ["10.0.0.9 x/there"]);
    }
  });

  it("comes and goes with the node's ranges", () => {
    const compiler = compilerOf(there, on("x/far", "10.0.1.9", "node-2"));
    compiler.apply(change(self("10.0.1.0/24")));
    assert.deepEqual(endpointsOf(compiler.ruleset()), ["10.0.1.9 x/far"]);
    compiler.apply(change(self("10.0.0.0/16")));
    assert.deepEqual(endpointsOf(compiler.ruleset()), ["10.0.0.9 x/there", "10.0.1.9 x/far"]);
    compiler.apply([...gone(there), ...gone(self())]);
    assert.deepEqual(endpointsOf(compiler.ruleset()), []);
  });

  it("is none where unknown addresses are accepted", () => {
    const compiler = createCompiler({ ...options, unknownPods: "accept" });
    assert.equal(compiler.load(clusterOf([self("10.0.0.0/24"), there])).endpoints.size, 0);
  });
});
