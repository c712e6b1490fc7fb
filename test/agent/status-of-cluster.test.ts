import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterEach, describe, it } from "node:test";
import { schemaErrors } from "../json-schema.ts";
import { type Script, type ScriptedKubectl, agentPod, scriptedKubectl } from "../observe/scripted-kubectl.ts";
import { binary } from "../run-binary.ts";

const none = { ingress: 0, egress: 0, none: 0 };

/** What an agent's container prints whose kernel has this version of the one policy. */
function printed(node: string, inForce: string, state = "enforced") {
  const version = { uid: "u", generation: 2, resourceVersion: "20" };
  const policy = { id: "NetworkPolicy/shop/web", state, ...version, pods: 1, message: null };
  return JSON.stringify({
    apiVersion: "portcullis.dev/v1",
    kind: "AgentStatus",
    node,
    version: "1",
    dataplane: "nftables",
    layout: null,
    exemptNamespaces: [],
    names: null,
    ready: true,
    reason: null,
    degraded: null,
    source: null,
    enforced: null,
    lagSeconds: state === "pending" ? 7.5 : 0,
    counts: { enforced: 1, pending: 0, invalid: 0, audit: 0, unsupported: 0 },
    policies: [{ ...policy, inForce: { generation: 1, resourceVersion: inForce } }],
    policiesOmitted: 0,
    errors: [],
    errorsOmitted: 0,
    denied: { lastMinute: none, lastFiveMinutes: none },
    repairs: 0,
  });
}

describe("kubectl portcullis status", { timeout: 60_000 }, () => {
  let kubectl: ScriptedKubectl | null = null;
  afterEach(() => kubectl?.remove());
  const run = (script: Script, ...args: readonly string[]) => {
    kubectl?.remove();
    kubectl = scriptedKubectl(script);
    const env = { ...process.env, ...kubectl.env };
    return spawnSync(process.execPath, [binary, "status", "--all-nodes", ...args], { encoding: "utf8", env });
  };
  const says = (text: string, code: number) => ({ lines: [{ after: 0, text }], code });

  it("asks every agent, and says on how many nodes the policy is in force", () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2"), agentPod("n3"), agentPod("n4", { phase: "Pending" })] },
      exec: {
        "portcullis-n1": says(printed("n1", "20"), 0),
        "portcullis-n2": says(printed("n2", "15", "pending"), 1),
        "portcullis-n3": { stderr: "error: container not found", code: 1 },
      },
    };
    const table = run(script, "shop/web");
    assert.equal(table.status, 1, table.stderr);
    assert.match(table.stdout, /2 of 3 answer/);
    assert.match(table.stdout, /lag +7\.5 s/);
    assert.match(table.stdout, /NetworkPolicy\/shop\/web +pending +2 \(20\) +1\/3 +2 +not yet on n2, n3/);
    assert.match(table.stdout, /n3: error: container not found/);
    const asked = kubectl?.calls().find((args) => args.includes("exec"));
    assert.deepEqual(asked?.slice(-4), ["portcullis", "status", "--output=json", "NetworkPolicy/shop/web"]);
    const json = run(script, "-ojson");
    assert.deepEqual(schemaErrors(JSON.parse(json.stdout) as unknown, "cluster-status.json"), []);
  });

  it("ends with 0 if all of it is in force, with 3 if nobody can be asked, with 2 if the question is wrong", () => {
    const one = (text: string, code: number): Script => ({
      pods: { items: [agentPod("n1")] },
      exec: { "portcullis-n1": says(text, code) },
    });
    assert.equal(run(one(printed("n1", "20"), 0)).status, 0);
    const garbage = run(one("\u001b[2Jnonsense", 0));
    assert.deepEqual([garbage.status, garbage.stderr.includes("\u001b")], [3, false]);
    assert.equal(run({ pods: { items: [] }, exec: {} }).status, 3);
    assert.equal(run({ pods: { failure: "Forbidden" }, exec: {} }).status, 3);
    assert.equal(run(one("", 0), "a/b/c/d").status, 2);
    assert.equal(run(one("", 0), "--socket", "/x").status, 2);
  });
});
