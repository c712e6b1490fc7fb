import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { namespace, node, pod } from "../../test/ask.ts";
import { runBinary } from "../../test/run-binary.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-reading-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const manifest = join(folder, "objects.json");
const admin = {
  apiVersion: "policy.networking.k8s.io/v1alpha1",
  kind: "AdminNetworkPolicy",
  metadata: { name: "nodes" },
  spec: {
    priority: 1,
    subject: { namespaces: {} },
    egress: [{ action: "Deny", to: [{ nodes: { matchLabels: { role: "none" } } }] }],
  },
};
const older = { ...admin, apiVersion: "policy.networking.k8s.io/v1alpha9", metadata: { name: "older" } };
const items = [
  namespace("x"),
  node("n1", ["192.168.0.1"], ["10.0.0.0/24"]),
  pod("x/a", "10.0.0.5", { spec: { nodeName: "n1" } }),
  pod("x/b", "10.0.0.6", { spec: { nodeName: "n1" } }),
  admin,
  older,
];
writeFileSync(manifest, JSON.stringify({ apiVersion: "v1", kind: "List", items }));

const explain = ["explain", "-f", manifest, "--from", "x/a", "--to", "x/b", "--port", "80"];
const render = ["render", "-f", manifest, "--node", "n1"];

describe("which policies commands read", () => {
  it("all of them unless told otherwise", async () => {
    const { code, stderr } = await runBinary(explain);
    assert.equal(code, 3, "one is of a version that is not read");
    assert.match(stderr, /AdminNetworkPolicy\/older: apiVersion: Unsupported value/);
    assert.doesNotMatch(stderr, /AdminNetworkPolicy\/nodes/);
    const { stdout } = await runBinary(render);
    assert.match(stdout, /AdminNetworkPolicy\/nodes/);
  });

  it("those of other kinds than the wanted ones are passed over in silence", async () => {
    for (const kinds of [["NetworkPolicy"], ["NetworkPolicy,ClusterNetworkPolicy"]]) {
      const flags = kinds.flatMap((kind) => ["--policy-kinds", kind]);
      const { code, stderr } = await runBinary([...explain, ...flags]);
      assert.deepEqual([code, stderr], [0, ""]);
      const { stdout } = await runBinary([...render, ...flags]);
      assert.doesNotMatch(stdout, /AdminNetworkPolicy/);
    }
  });

  it("a field whose gate is shut is unknown, and its rule fails closed", async () => {
    const flags = ["--policy-kinds", "AdminNetworkPolicy", "--feature-gates", "NodePeers=false"];
    const { stdout, stderr } = await runBinary([...explain, ...flags]);
    assert.match(stderr, /nodes: unknown field: the feature gate NodePeers is shut/);
    assert.match(stdout, /AdminNetworkPolicy\/nodes/);
    assert.match(stdout, /den(y|ied)/i);
  });

  it("what is no kind and no gate is wrong usage, of every command that takes them", async () => {
    for (const flags of [
      ["--policy-kinds", "Networkpolicy"],
      ["--feature-gates", "NodePeers"],
    ]) {
      for (const command of [explain, render, ["eval", "-f", manifest]]) {
        const { code, stderr } = await runBinary([...command, ...flags]);
        assert.equal(code, 2, [...command, ...flags].join(" "));
        assert.match(stderr, new RegExp(flags[0] ?? ""));
      }
    }
  });
});
