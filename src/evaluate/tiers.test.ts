/** A case for each sentence of docs/semantics.md about the ordered tiers: who is asked, in which order, what decides. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, decide, namespace, networkPolicy, node, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";

const world: readonly ApiObject[] = [
  namespace("x", { team: "a" }),
  namespace("y", { team: "b" }),
  node("n1", ["192.168.0.1"]),
  pod("x/web", "10.0.0.1", { labels: { app: "web" }, spec: { nodeName: "n1", containers: [] } }),
  pod("x/db", "10.0.0.2", { labels: { app: "db" } }),
  pod("y/client", "10.0.1.1", { labels: { app: "client" } }),
];
const everybody = { namespaces: {} };
const from = [everybody];
const to = [everybody];
const port = (number: number) => ({ protocols: [{ tcp: { destinationPort: { number } } }] });

const cnp = (name: string, tier: "Admin" | "Baseline", priority: number, rules: object): ApiObject =>
  clusterNetworkPolicy(name, { tier, priority, subject: everybody, ...rules });
const anp = (name: string, priority: number, rules: object): ApiObject =>
  adminNetworkPolicy(name, { priority, subject: everybody, ...rules });
const banp = (rules: object): ApiObject => baselineAdminNetworkPolicy({ subject: everybody, ...rules });
const ingress = (...actions: readonly string[]) => ({ ingress: actions.map((action) => ({ action, from })) });
const egress = (...actions: readonly string[]) => ({ egress: actions.map((action) => ({ action, to })) });
const isolated = networkPolicy("x/closed", { podSelector: {}, policyTypes: ["Ingress"] });
const open = networkPolicy("x/open", { podSelector: {}, ingress: [{}] });

/** What decides about y/client to x/web, on its way in: `tier verdict`, and the rule that did. */
function into(...policies: readonly ApiObject[]): string {
  const query = { from: "y/client", to: "x/web", protocol: "TCP", port: 80 };
  const { tier, verdict, decidedBy } = decide([...world, ...policies], query).ingress;
  return `${tier} ${verdict}${decidedBy === null ? "" : ` ${decidedBy.policy} ${decidedBy.rule}`}`;
}
/** Verdicts on questions `FROM TO PROTOCOL/PORT`. */
function under(policies: readonly ApiObject[], ...questions: readonly string[]): readonly string[] {
  return questions.map((question) => ask([...world, ...policies], question));
}

describe("the order of tiers", () => {
  const admin = (action: string) => cnp("a", "Admin", 1, ingress(action));
  const baseline = (action: string) => cnp("b", "Baseline", 1, ingress(action));
  it("Admin, NetworkPolicy, Baseline, default verdict", () => {
    assert.equal(into(admin("Deny"), open, baseline("Accept")), "admin deny ClusterNetworkPolicy/a 0");
    assert.equal(into(open, baseline("Deny")), "networkpolicy allow NetworkPolicy/x/open 0");
    assert.equal(into(baseline("Deny")), "baseline deny ClusterNetworkPolicy/b 0");
    assert.equal(into(), "default allow");
  });
  it("Allow and Deny of the Admin tier are final, whatever NetworkPolicies say", () => {
    assert.equal(into(admin("Accept"), isolated), "admin allow ClusterNetworkPolicy/a 0");
    assert.equal(into(admin("Deny"), open), "admin deny ClusterNetworkPolicy/a 0");
  });
  it("an Admin tier in which nothing matches leaves the rest as it is", () => {
    const missed = cnp("a", "Admin", 1, { ingress: [{ action: "Deny", from, ...port(81) }] });
    assert.equal(into(missed, open), "networkpolicy allow NetworkPolicy/x/open 0");
    assert.equal(into(missed, isolated), "networkpolicy deny");
    assert.equal(into(missed), "default allow");
  });
  it("is one for each direction: a policy without rules for a direction does not touch it", () => {
    const out = cnp("a", "Admin", 1, egress("Deny"));
    assert.deepEqual(under([out], "y/client x/web TCP/80"), ["deny"]);
    assert.equal(into(out), "default allow");
    assert.equal(into(cnp("a", "Admin", 1, {})), "default allow");
    assert.equal(into(cnp("a", "Admin", 1, { ingress: [] })), "default allow");
  });
  it("an Accept is one for its direction only: the other direction is asked all the same", () => {
    const both = [cnp("in", "Admin", 1, ingress("Accept")), cnp("out", "Admin", 2, egress("Deny"))];
    const query = { from: "y/client", to: "x/web", protocol: "TCP", port: 80 };
    const decision = decide([...world, ...both], query);
    assert.deepEqual([decision.verdict, decision.egress.verdict, decision.ingress.verdict], ["deny", "deny", "allow"]);
  });
  it("names the isolating NetworkPolicies also where another tier decides", () => {
    const query = { from: "y/client", to: "x/web", protocol: "TCP", port: 80 };
    const part = decide([...world, admin("Accept"), isolated, open], query).ingress;
    assert.deepEqual(part.isolatedBy, ["NetworkPolicy/x/closed", "NetworkPolicy/x/open"]);
  });
});

describe("which tier a kind is of", () => {
  it("a ClusterNetworkPolicy says it itself", () => {
    assert.equal(into(cnp("p", "Admin", 1, ingress("Deny")), open), "admin deny ClusterNetworkPolicy/p 0");
    assert.equal(into(cnp("p", "Baseline", 1, ingress("Deny")), open), "networkpolicy allow NetworkPolicy/x/open 0");
  });
  it("AdminNetworkPolicy is Admin, BaselineAdminNetworkPolicy is Baseline", () => {
    assert.equal(into(anp("p", 1, ingress("Deny")), open), "admin deny AdminNetworkPolicy/p 0");
    assert.equal(into(banp(ingress("Deny")), open), "networkpolicy allow NetworkPolicy/x/open 0");
    assert.equal(into(banp(ingress("Deny"))), "baseline deny BaselineAdminNetworkPolicy/default 0");
  });
});

describe("the order in a tier", () => {
  it("ascending priority, across kinds", () => {
    assert.equal(
      into(anp("a", 2, ingress("Deny")), anp("z", 1, ingress("Allow"))),
      "admin allow AdminNetworkPolicy/z 0",
    );
    const first = cnp("z", "Admin", 0, ingress("Accept"));
    assert.equal(into(anp("a", 1, ingress("Deny")), first), "admin allow ClusterNetworkPolicy/z 0");
    const last = cnp("a", "Admin", 1000, ingress("Deny"));
    assert.equal(into(anp("z", 999, ingress("Allow")), last), "admin allow AdminNetworkPolicy/z 0");
  });
  it("equal priorities: ClusterNetworkPolicy first, then by name", () => {
    const [a, b] = [anp("a", 5, ingress("Deny")), anp("b", 5, ingress("Allow"))];
    assert.equal(into(b, a), "admin deny AdminNetworkPolicy/a 0");
    assert.equal(into(a, b, cnp("z", "Admin", 5, ingress("Accept"))), "admin allow ClusterNetworkPolicy/z 0");
    const pair = [cnp("y", "Baseline", 5, ingress("Accept")), cnp("x", "Baseline", 5, ingress("Deny"))];
    assert.equal(into(...pair), "baseline deny ClusterNetworkPolicy/x 0");
  });
  it("the BaselineAdminNetworkPolicy comes last in the Baseline tier", () => {
    const late = cnp("z", "Baseline", 1000, ingress("Accept"));
    assert.equal(into(banp(ingress("Deny")), late), "baseline allow ClusterNetworkPolicy/z 0");
  });
  it("rules in order; the first that matches decides, whatever comes behind it", () => {
    const rules = { ingress: [{ action: "Deny", from, ...port(81) }, ...ingress("Accept", "Deny").ingress] };
    assert.equal(into(cnp("p", "Admin", 1, rules)), "admin allow ClusterNetworkPolicy/p 1");
  });
  it("only policies that select the subject are asked", () => {
    const subject = { pods: { podSelector: { matchLabels: { app: "db" } } } };
    const other = clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject, ...ingress("Deny") });
    assert.deepEqual(under([other], "y/client x/web TCP/80", "y/client x/db TCP/80"), ["allow", "deny"]);
  });
});

describe("Pass", () => {
  const pass = (tier: "Admin" | "Baseline") => cnp("pass", tier, 1, ingress("Pass"));
  const deny = (tier: "Admin" | "Baseline") => cnp("deny", tier, 2, ingress("Deny"));
  it("leaves the Admin tier: to NetworkPolicy, else to Baseline, else to the default verdict", () => {
    assert.equal(into(pass("Admin"), deny("Admin"), open), "networkpolicy allow NetworkPolicy/x/open 0");
    assert.equal(into(pass("Admin"), isolated, banp(ingress("Allow"))), "networkpolicy deny");
    const baseline = banp(ingress("Deny"));
    assert.equal(into(pass("Admin"), deny("Admin"), baseline), "baseline deny BaselineAdminNetworkPolicy/default 0");
    assert.equal(into(pass("Admin"), deny("Admin")), "default allow");
  });
  it("leaves the Baseline tier to the default verdict", () => {
    assert.equal(into(pass("Baseline"), deny("Baseline"), banp(ingress("Deny"))), "default allow");
    const denying = { options: { defaultVerdict: "deny" } } as const;
    assert.equal(ask([...world, pass("Baseline")], "y/client x/web TCP/80", denying), "deny");
  });
  it("passes the rest of its own policy by, too", () => {
    assert.equal(into(cnp("p", "Admin", 1, ingress("Pass", "Deny"))), "default allow");
  });
});

describe("NetworkPolicy and Baseline", () => {
  it("NetworkPolicy is final for isolated pods", () => {
    assert.equal(into(isolated, cnp("b", "Baseline", 0, ingress("Accept"))), "networkpolicy deny");
  });
  it("pods that nothing isolates fall to the Baseline tier, each direction for itself", () => {
    const baseline = [isolated, banp({ ...ingress("Allow"), ...egress("Deny") })];
    assert.equal(into(...baseline), "networkpolicy deny");
    const { tier, verdict } = decide([...world, ...baseline], {
      from: "x/web",
      to: "203.0.113.1",
      protocol: "TCP",
      port: 80,
    }).egress;
    assert.equal(`${tier} ${verdict}`, "default allow", "its one peer is pods");
    assert.deepEqual(under(baseline, "x/web x/db TCP/80"), ["deny"]);
  });
});

describe("what outranks every tier", () => {
  const fence = [cnp("fence", "Admin", 0, { ...ingress("Deny"), ...egress("Deny") })];
  it("a pod always reaches itself (rule 3), though an Admin rule denies it", () => {
    assert.deepEqual(under(fence, "x/web x/web TCP/80", "x/web x/db TCP/80"), ["allow", "deny"]);
  });
  it("its node always reaches a pod (rule 4)", () => {
    assert.deepEqual(under(fence, "node/n1 x/web TCP/80", "192.168.0.1 x/web TCP/80"), ["allow", "allow"]);
  });
  it("a pod's way to its own node is a way like any other (rule 4): a nodes peer denies it", () => {
    const nodes = cnp("nodes", "Admin", 0, { egress: [{ action: "Deny", to: [{ nodes: {} }] }] });
    assert.deepEqual(under([nodes], "x/web node/n1 TCP/80", "node/n1 x/web TCP/80"), ["deny", "allow"]);
  });
  it("rule 10 denies before an Admin rule accepts", () => {
    const ranged = [...world, node("n2", ["192.168.0.2"], ["10.0.9.0/24"])];
    const accept = cnp("all", "Admin", 0, { egress: [{ action: "Accept", to: [{ networks: ["0.0.0.0/0"] }] }] });
    assert.equal(ask([...ranged, accept], "x/web 10.0.9.9 TCP/80"), "deny");
    assert.equal(ask([...ranged, accept], "x/web 10.0.8.9 TCP/80"), "allow");
  });
  it("a policy in audit does not count (rule 13)", () => {
    const audited = clusterNetworkPolicy(
      "p",
      { tier: "Admin", priority: 1, subject: everybody, ...ingress("Deny") },
      { annotations: { "portcullis.dev/mode": "audit" } },
    );
    assert.equal(into(audited), "default allow");
  });
  it("a tier that selects a pod, and decides nothing, leaves it to the default verdict (rule 12)", () => {
    const closing = [namespace("x", { "portcullis.dev/default-verdict": "deny" }), ...world.slice(1)];
    const query = { from: "y/client", to: "x/web", protocol: "TCP", port: 80 };
    const missed = cnp("p", "Baseline", 1, { ingress: [{ action: "Accept", from, ...port(81) }] });
    assert.deepEqual(decide([...closing, missed], query).ingress, {
      verdict: "deny",
      tier: "default",
      isolatedBy: [],
      decidedBy: null,
    });
    assert.equal(decide([...closing, banp(ingress("Allow"))], query).ingress.tier, "baseline");
  });
});
