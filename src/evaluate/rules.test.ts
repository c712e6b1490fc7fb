/** The numbered rules of docs/semantics.md that a decision knows, and how the tiers follow each other. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, decide, decideIn, namespace, networkPolicy, node, pod, refusal, service } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf, readCluster } from "../../test/cluster-of.ts";
import type { Action, Clause, Policy, PolicyId, Tier } from "../policy/policy.ts";

const onNode = (name: string) => ({ spec: { nodeName: name, containers: [] } });
const hostNetwork = { spec: { hostNetwork: true, nodeName: "n1", containers: [] } };
const closed = networkPolicy("x/closed", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });

describe("rule 3: a pod always reaches itself", () => {
  const self = pod("x/a", ["10.0.0.1", "fd00::1"], { labels: { app: "a" } });
  const more = [self, pod("x/b", "10.0.0.2"), closed];
  it("by its own addresses, though isolated", () => {
    const { verdict, egress, ingress } = decide(more, { from: "x/a", to: "x/a", protocol: "TCP", port: 80 });
    assert.deepEqual([verdict, egress.tier, ingress.tier, ingress.decidedBy], ["allow", "none", "none", null]);
    assert.equal(ask(more, "x/b x/a TCP/80"), "deny");
  });
  it("through a Service that picks it", () => {
    const itself = service("x/svc", [{ port: 80, targetPort: 8080 }], {
      selector: { app: "a" },
      clusterIP: "10.96.0.1",
    });
    assert.equal(ask([...more, itself], "x/a x/svc/svc TCP/80"), "allow");
    assert.equal(ask([...more, itself], "x/b 10.96.0.1 TCP/80"), "deny");
  });
});

describe("rule 4: a node always reaches its own pods", () => {
  const objects = [
    node("n1", ["192.168.0.1"]),
    node("n2", ["192.168.0.2"]),
    pod("x/here", "10.0.0.1", onNode("n1")),
    pod("x/there", "10.0.0.2", onNode("n2")),
    pod("x/host", "192.168.0.1", hostNetwork),
    closed,
  ];
  it("as node/NAME, as a hostNetwork pod, by a status address", () => {
    const sources = ["node/n1", "x/host", "192.168.0.1"];
    assert.deepEqual(
      sources.map((from) => ask(objects, `${from} x/here TCP/80`)),
      ["allow", "allow", "allow"],
    );
    assert.equal(decide(objects, { from: "node/n1", to: "x/here", protocol: "TCP", port: 1 }).ingress.tier, "none");
  });
  it("another node's address is an ordinary outside source", () => {
    assert.deepEqual(
      ["node/n1", "x/host", "192.168.0.1"].map((from) => ask(objects, `${from} x/there TCP/80`)),
      ["deny", "deny", "deny"],
    );
  });
  it("a pod's way to its own node is filtered by its egress policies", () => {
    const { verdict, egress, ingress } = decide(objects, { from: "x/here", to: "node/n1", protocol: "TCP", port: 1 });
    assert.deepEqual([verdict, egress.tier, ingress.tier, ingress.verdict], ["deny", "networkpolicy", "none", "allow"]);
  });
});

describe("rule 5: hostNetwork pods are the node", () => {
  const host = pod("x/host", "192.168.0.1", { ...hostNetwork, labels: { app: "host" } });
  const objects = [node("n1", ["192.168.0.1"]), host, pod("y/b", "10.0.0.2", onNode("n2"))];
  it("never a subject", () => {
    assert.equal(ask([...objects, closed], "x/host y/b TCP/80"), "allow");
    assert.equal(ask([...objects, closed], "y/b x/host TCP/80"), "allow");
  });
  it("never matched by a pod selector; an ipBlock matches the node's address", () => {
    const rule = (peer: object) => networkPolicy("y/p", { podSelector: {}, ingress: [{ from: [peer] }] });
    assert.equal(ask([...objects, rule({ namespaceSelector: {} })], "x/host y/b TCP/80"), "deny");
    assert.equal(ask([...objects, rule({ ipBlock: { cidr: "192.168.0.1/32" } })], "x/host y/b TCP/80"), "allow");
  });
});

describe("rule 6: who counts as a pod", () => {
  const open = pod("y/b", "10.0.0.2");
  const finished = (phase: string) => pod("x/a", "10.0.0.1", { status: { phase } });
  it("finished pods are neither subject nor peer", () => {
    for (const phase of ["Succeeded", "Failed"]) {
      assert.equal(ask([finished(phase), open, closed], "10.0.0.1 y/b TCP/80"), "allow");
      const peers = networkPolicy("y/p", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] });
      assert.equal(ask([finished(phase), open, peers], "10.0.0.1 y/b TCP/80"), "deny");
    }
  });
  it("a terminating pod counts", () => {
    const terminating = pod("x/a", "10.0.0.1", { deletionTimestamp: "2026-01-01T00:00:00Z" } as object);
    assert.equal(ask([terminating, open, closed], "y/b 10.0.0.1 TCP/80"), "deny");
  });
  it("of two live pods that claim one address the newer holds it", () => {
    const claim = (name: string, year: number) =>
      pod(name, "10.0.0.1", { creationTimestamp: `${year}-01-01T00:00:00Z` });
    assert.equal(ask([claim("x/old", 2020), claim("y/new", 2021), open, closed], "10.0.0.1 y/b TCP/80"), "allow");
    assert.equal(ask([claim("x/new", 2021), claim("y/old", 2020), open, closed], "10.0.0.1 y/b TCP/80"), "deny");
    const outdated = [claim("x/old", 2020), claim("y/new", 2021), open];
    const query = { from: "x/old", to: "y/b", protocol: "TCP", port: 80 };
    assert.match(refusal(outdated, query), /x\/old has no address of its own/);
  });
});

describe("rule 7: every address of a pod counts", () => {
  const objects = [pod("x/a", ["10.0.0.1", "fd00::1"]), pod("y/b", ["10.0.0.2", "fd00::2"]), closed];
  it("isolates in both families, and rules without addresses cover both", () => {
    assert.deepEqual(
      [ask(objects, "10.0.0.2 10.0.0.1 TCP/80"), ask(objects, "fd00::2 fd00::1 TCP/80")],
      ["deny", "deny"],
    );
    const rule = networkPolicy("x/p", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] });
    const open = [...objects.slice(0, 2), rule];
    assert.deepEqual([ask(open, "10.0.0.2 10.0.0.1 TCP/80"), ask(open, "fd00::2 fd00::1 TCP/80")], ["allow", "allow"]);
  });
});

describe("rule 9: what does not validate fails closed", () => {
  it("an unreadable rule matches nothing, its readable siblings do", () => {
    const rules = [{ from: [{ podSelector: {} }, { ipBlock: { cidr: "10.0.0.0/33" } }] }, { ports: [{ port: 81 }] }];
    const bad = networkPolicy("x/p", { podSelector: {}, ingress: rules });
    const { cluster, errors } = readCluster([pod("x/a", "10.0.0.1"), pod("x/b", "10.0.0.2"), bad]);
    assert.equal(errors.length, 1);
    const verdicts = [80, 81].map((port) => decideIn(cluster, { from: "x/b", to: "x/a", protocol: "TCP", port }));
    assert.deepEqual(
      verdicts.map((one) => (typeof one === "string" ? one : one.verdict)),
      ["deny", "allow"],
    );
  });
});

describe("rule 10: addresses of a pod range that are no pod's", () => {
  const objects = [node("n1", ["192.168.0.1"], ["10.0.0.0/24", "fd00::/64"]), pod("x/a", ["10.0.0.5", "fd00::5"])];
  it("are denied, both directions, in tier none", () => {
    const questions = ["10.0.0.9 x/a TCP/80", "x/a 10.0.0.9 TCP/80", "fd00::9 x/a TCP/80", "10.0.0.9 203.0.113.1 ICMP"];
    assert.deepEqual(
      questions.map((one) => ask(objects, one)),
      ["deny", "deny", "deny", "deny"],
    );
    const { egress } = decide(objects, { from: "10.0.0.9", to: "x/a", protocol: "TCP", port: 80 });
    assert.deepEqual(egress, { verdict: "deny", tier: "none", isolatedBy: [], decidedBy: null });
  });
  it("but for the range's gateway, pods, and what is outside of it", () => {
    const questions = ["10.0.0.1 x/a TCP/80", "fd00::1 x/a TCP/80", "10.0.1.9 x/a TCP/80", "x/a 10.0.0.1 TCP/80"];
    assert.deepEqual(
      questions.map((one) => ask(objects, one)),
      ["allow", "allow", "allow", "allow"],
    );
  });
  it("but for the addresses of the range's own Node", () => {
    const flat = [...objects, node("n2", ["10.0.0.78"], ["10.0.2.0/24"]), node("n3", ["10.0.3.77"], ["10.0.3.0/24"])];
    assert.deepEqual(
      ["x/a 10.0.3.77 TCP/80", "10.0.3.77 x/a ICMP", "x/a 10.0.3.78 TCP/80", "x/a 10.0.0.78 TCP/80"].map((one) =>
        ask(flat, one),
      ),
      ["allow", "allow", "deny", "deny"],
    );
  });
  it("a known pod is none, wherever it runs", () => {
    const elsewhere = [...objects, node("n2", ["192.168.0.2"]), pod("x/b", ["10.0.0.6", "fd00::6"], onNode("n2"))];
    const questions = ["x/a x/b TCP/80", "x/b x/a TCP/80", "fd00::6 2001:db8::1 ICMP", "203.0.113.1 10.0.0.6 UDP/53"];
    const verdicts = (more: readonly ApiObject[]) => questions.map((one) => ask([...elsewhere, ...more], one));
    assert.deepEqual(verdicts([]), ["allow", "allow", "allow", "allow"]);
    assert.deepEqual(verdicts([closed]), ["deny", "deny", "deny", "deny"]);
  });
  it("unless --unknown-pods=accept", () => {
    assert.equal(ask(objects, "10.0.0.9 x/a TCP/80", { options: { unknownPods: "accept" } }), "allow");
  });
});

describe("rule 12: the default verdict", () => {
  const objects = [pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2")];
  it("accept, unless the operator says deny", () => {
    assert.equal(ask(objects, "x/a y/b TCP/80"), "allow");
    assert.equal(ask(objects, "x/a y/b TCP/80", { options: { defaultVerdict: "deny" } }), "deny");
  });
  it("or the subject's namespace does", () => {
    const labelled = [...objects, namespace("y", { "portcullis.dev/default-verdict": "deny" })];
    const { egress, ingress } = decide(labelled, { from: "x/a", to: "y/b", protocol: "TCP", port: 80 });
    assert.deepEqual([egress.verdict, ingress.verdict, ingress.tier], ["allow", "deny", "default"]);
  });
  it("is not asked where a policy isolates", () => {
    const open = networkPolicy("y/open", { podSelector: {}, ingress: [{}] });
    assert.equal(ask([...objects, open], "203.0.113.1 y/b TCP/80", { options: { defaultVerdict: "deny" } }), "allow");
  });
});

describe("rule 13: a policy in audit", () => {
  it("does not count", () => {
    for (const where of ["annotations", "labels"]) {
      const audited = networkPolicy("x/p", { podSelector: {} }, { [where]: { "portcullis.dev/mode": "audit" } });
      assert.equal(ask([pod("x/a", "10.0.0.1"), audited], "203.0.113.1 x/a TCP/80"), "allow");
    }
  });
});

describe("tiers", () => {
  const base: readonly ApiObject[] = [pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2")];
  const clause = (action: Action, rule = 0, ports: Clause["ports"] = null): Clause => ({
    rule,
    ruleName: null,
    action,
    peers: null,
    ports,
  });
  function policy(
    tier: Tier,
    name: string,
    priority: number,
    rules: readonly Clause[],
    kind = "AdminNetworkPolicy",
  ): Policy {
    const subject = {
      namespaces: { kind: "selector", selector: { requirements: [] } },
      pods: { requirements: [] },
    } as const;
    const id = `${kind}/${name}` as PolicyId;
    return { id, kind, namespace: null, name, tier, priority, mode: "enforce", subject, ingress: rules, egress: null };
  }
  const isolated = [...base, networkPolicy("x/p", { podSelector: {}, ingress: [] })];
  function ingressPart(objects: readonly ApiObject[], ...policies: readonly Policy[]) {
    const cluster = clusterOf(objects);
    const query = { from: "y/b", to: "x/a", protocol: "TCP", port: 80 };
    const decision = decideIn({ ...cluster, policies: [...cluster.policies, ...policies] }, query);
    if (typeof decision === "string") throw new Error(decision);
    const { verdict, tier, decidedBy } = decision.ingress;
    return [verdict, tier, decidedBy?.policy ?? null];
  }

  it("Admin comes before NetworkPolicy, which is final before Baseline", () => {
    const admin = (action: Action) => policy("admin", "p", 1, [clause(action)]);
    assert.deepEqual(ingressPart(isolated, admin("accept")), ["allow", "admin", "AdminNetworkPolicy/p"]);
    assert.deepEqual(ingressPart(base, admin("deny")), ["deny", "admin", "AdminNetworkPolicy/p"]);
    assert.deepEqual(ingressPart(isolated, admin("pass"), policy("baseline", "b", 0, [clause("accept")])), [
      "deny",
      "networkpolicy",
      null,
    ]);
  });
  it("Baseline decides for pods that nothing isolates; Pass leaves it to the default", () => {
    const baseline = (action: Action) => policy("baseline", "b", 0, [clause(action)]);
    assert.deepEqual(ingressPart(base, baseline("deny")), ["deny", "baseline", "AdminNetworkPolicy/b"]);
    assert.deepEqual(ingressPart(base, baseline("pass"), policy("baseline", "c", 1, [clause("deny")])), [
      "allow",
      "default",
      null,
    ]);
  });
  it("ascending priority, then ClusterNetworkPolicy, then name; rules in order", () => {
    const [allow, deny] = [[clause("accept")], [clause("deny")]];
    assert.deepEqual(ingressPart(base, policy("admin", "a", 2, deny), policy("admin", "z", 1, allow))[0], "allow");
    assert.deepEqual(ingressPart(base, policy("admin", "b", 1, deny), policy("admin", "a", 1, allow))[0], "allow");
    const first = policy("admin", "z", 1, allow, "ClusterNetworkPolicy");
    assert.deepEqual(ingressPart(base, policy("admin", "a", 1, deny), first)[0], "allow");
    const missed = clause("deny", 0, [{ kind: "range", protocol: "TCP", from: 1, to: 1 }]);
    const ordered = policy("admin", "a", 1, [missed, clause("pass", 1), clause("deny", 2)]);
    assert.deepEqual(ingressPart(base, ordered, policy("admin", "b", 2, deny)), ["allow", "default", null]);
  });
});
