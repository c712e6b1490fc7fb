import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { type Flow, flowLine } from "../../src/observe/flow.ts";
import { binary } from "../run-binary.ts";
import { type Script, type ScriptedKubectl, agentPod, scriptedKubectl } from "./scripted-kubectl.ts";
import { type Observing, observe, start, waitFor } from "./site.ts";

const end = (pod: string) => ({ address: "10.0.0.1", namespace: "shop", pod, port: 80 });

function line(node: string, milliseconds: number, from = "web"): string {
  const flow: Flow = {
    apiVersion: "portcullis.dev/v1",
    kind: "Flow",
    time: new Date(milliseconds).toISOString(),
    node,
    verdict: "denied",
    direction: "ingress",
    reason: "isolated",
    protocol: "TCP",
    from: end(from),
    to: end("db"),
    policies: ["NetworkPolicy/shop/closed"],
    rule: null,
    suppressed: 0,
  };
  return flowLine(flow).trimEnd();
}

const execOf = (calls: readonly (readonly string[])[]) => calls.filter((args) => args.includes("exec"));

describe("observe over the nodes of a cluster", { timeout: 60_000 }, () => {
  let kubectl: ScriptedKubectl | null = null;
  let running: Observing | null = null;
  afterEach(async () => {
    running?.child.kill("SIGKILL");
    await running?.ended;
    kubectl?.remove();
  });
  const begin = (script: Script, ...args: readonly string[]) => {
    const scripted = (kubectl = scriptedKubectl(script));
    const one = (running = observe([...args], scripted.env));
    return { kubectl: scripted, one };
  };

  it("puts the flows of all nodes into the order of time, and ends all with the last that was asked for", async () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2")] },
      together: 3,
      exec: {
        "portcullis-n1": { lines: [1000, 3000, 5000].map((at) => ({ after: 1, text: line("n1", at) })) },
        "portcullis-n2": { lines: [2000, 4000, 6000].map((at) => ({ after: 60, text: line("n2", at) })) },
      },
    };
    const { one, kubectl: scripted } = begin(script, "--all-nodes", "-o", "json", "--limit", "6");
    assert.equal(await one.ended, 0, one.stderr());
    assert.deepEqual(
      one.flows().map(({ node, time }) => `${node} ${Date.parse(time)}`),
      ["n1 1000", "n2 2000", "n1 3000", "n2 4000", "n1 5000", "n2 6000"],
    );
    await waitFor("the kubectls", () => scripted.ended() === scripted.calls().length);
  });

  it("hands on how the cluster is reached and what is asked for, each as one argument", async () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2"), agentPod("n3", { phase: "Pending" })] },
      exec: { "portcullis-n2": { lines: [{ after: 1, text: line("n2", 1) }] } },
    };
    const context = "it's; $(mine)";
    const flags = ["--kubeconfig", "/some where", "--context", context, "-N", "kube-system", "--node", "n2"];
    const filters = ["--pod", "shop/web", "--verdict", "denied", "-o", "json", "--limit", "1"];
    const { one, kubectl: scripted } = begin(script, ...flags, ...filters);
    assert.equal(await one.ended, 0, one.stderr());
    const calls = scripted.calls();
    const reached = ["--kubeconfig=/some where", `--context=${context}`];
    const list = ["get", "pods", "--namespace=kube-system"];
    const labels = "--selector=app.kubernetes.io/name=portcullis,app.kubernetes.io/component=agent";
    assert.deepEqual(
      calls.filter((args) => args.includes("get")),
      [[...reached, ...list, labels, "--output=json"]],
    );
    const where = ["exec", "-i", "--namespace=kube-system", "--container=agent", "portcullis-n2", "--"];
    const asked = ["--namespace=shop", "--pod=web", "--verdict=denied"];
    const remote = ["portcullis", "observe", "--output=json", "--until-eof", ...asked];
    assert.deepEqual(execOf(calls), [[...reached, ...where, ...remote]]);
  });

  it("a node that fails is told of and does not end the others; nonsense is no flow", async () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2")] },
      exec: {
        "portcullis-n1": { stderr: "error: \u001b[2Jforbidden", code: 1 },
        "portcullis-n2": {
          lines: [
            { after: 300, text: "no JSON at all" },
            { after: 1, text: `{"kind":"Flow","node":7}` },
            { after: 1, text: line("n2", 1, "\u001b]0;gone\u0007\u202ebew") },
            { after: 1, text: line("n2", 2) },
          ],
        },
      },
    };
    const { one } = begin(script, "--all-nodes", "--limit", "2");
    assert.equal(await one.ended, 0);
    assert.match(one.stderr(), /^portcullis: n1: error: \\u001b\[2Jforbidden$/m);
    assert.match(one.stderr(), /^portcullis: n1: is not observed any more \(kubectl exec ended with 1\)$/m);
    const lines = one.stdout().split("\n");
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? "", /n2 +denied +ingress +TCP +shop\/\\u001b\]0;gone\\u0007\\u202ebew +-> +shop\/db:80/);
  });

  it("an agent that ends is observed again when it is back", async () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2")] },
      exec: { "portcullis-n1": { lines: [{ after: 1, text: line("n1", 1) }], code: 0 }, "portcullis-n2": {} },
    };
    const { one } = begin(script, "--all-nodes", "-o", "json", "--limit", "2");
    assert.equal(await one.ended, 0);
    assert.equal(one.flows().length, 2);
    assert.match(one.stderr(), /n1: is not observed any more/);
  });

  it("ends with 3 where none can be observed, or none is found, or they cannot be listed", async () => {
    const cases: readonly (readonly [Script, RegExp, readonly string[]])[] = [
      [
        { pods: { items: [agentPod("n1")] }, exec: { "portcullis-n1": { stderr: "no", code: 1 } } },
        /none of the agents can be observed/,
        [],
      ],
      [{ pods: { items: [] }, exec: {} }, /no agent runs in this cluster/, []],
      [{ pods: { items: [agentPod("n1")] }, exec: {} }, /no agent runs on n9/, ["--node", "n9"]],
      [{ pods: { failure: "pods is forbidden" }, exec: {} }, /cannot be listed: kubectl: pods is forbidden/, []],
      // Nor does anybody's pod speak for a node.
      [
        { pods: { items: [agentPod("n1"), agentPod("n1", { namespace: "shop" })] }, exec: {} },
        /labelled as agents \(kube-system, shop\): -N says/,
        [],
      ],
      // Nobody's pod becomes a flag of kubectl.
      [{ pods: { items: [agentPod("n1", { name: "--help" })] }, exec: {} }, /no agent runs in this cluster/, []],
    ];
    for (const [script, reason, args] of cases) {
      const { one, kubectl: scripted } = begin(script, "--all-nodes", ...args);
      assert.equal(await one.ended, 3);
      assert.match(one.stderr(), reason);
      scripted.remove();
    }
  });

  it("says that there is no kubectl", async () => {
    const one = observe(["--all-nodes"], { PATH: "/nonexistent" });
    assert.equal(await one.ended, 3);
    assert.match(one.stderr(), /kubectl is not on the PATH/);
  });

  it("takes all its kubectls with it, at a signal and when it is killed", async () => {
    const script: Script = {
      pods: { items: [agentPod("n1"), agentPod("n2")] },
      exec: { "portcullis-n1": {}, "portcullis-n2": {} },
    };
    for (const [signal, code] of [
      ["SIGINT", 0],
      ["SIGTERM", 0],
      ["SIGKILL", null],
    ] as const) {
      const { one, kubectl: scripted } = begin(script, "--all-nodes");
      await waitFor("both", () => execOf(scripted.calls()).length === 2);
      one.child.kill(signal);
      assert.equal(await one.ended, code);
      await waitFor("the kubectls", () => scripted.ended() === 3);
      scripted.remove();
    }
  });

  it("is what `kubectl portcullis observe` does, without a flag", async () => {
    const scripted = (kubectl = scriptedKubectl({ pods: { items: [] }, exec: {} }));
    const folder = mkdtempSync(join(tmpdir(), "pct-plugin-"));
    try {
      symlinkSync(binary, join(folder, "kubectl-portcullis"));
      const asked = start(process.execPath, [join(folder, "kubectl-portcullis"), "observe"], scripted.env);
      assert.equal(await asked.ended, 3);
      assert.match(asked.stderr(), /no agent runs in this cluster/);
      const args = ["observe", "--socket", join(folder, "none")];
      const local = start(process.execPath, [join(folder, "kubectl-portcullis"), ...args], scripted.env);
      assert.equal(await local.ended, 3);
      assert.match(local.stderr(), /no agent listens/);
      const both = start(process.execPath, [binary, ...args, "--all-nodes"], scripted.env);
      assert.equal(await both.ended, 2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
