/** A test, or more, for each line of the NetworkPolicy part of docs/semantics.md. Both evaluators answer each question. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, decide, namespace, networkPolicy, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";

const web = pod("x/web", "10.0.0.1", {
  labels: { app: "web", tier: "front" },
  ports: [
    { containerPort: 8080, name: "http" },
    { containerPort: 8443, name: "https" },
    { containerPort: 5353, name: "dns", protocol: "UDP" },
  ],
});
const db = pod("x/db", "10.0.0.2", { labels: { app: "db" }, ports: [{ containerPort: 5432, name: "http" }] });
const client = pod("y/client", "10.0.1.1", { labels: { app: "client" } });
const other = pod("z/client", "10.0.2.1", { labels: { app: "client" } });
const pods: readonly ApiObject[] = [
  namespace("x", { team: "a" }),
  namespace("y", { team: "b" }),
  namespace("z", { team: "c" }),
  web,
  db,
  client,
  other,
];

/** The answers to several questions about the pods above under one policy of namespace x. */
function under(spec: object | undefined, ...questions: readonly string[]): readonly string[] {
  return questions.map((question) => ask([...pods, networkPolicy("x/policy", spec)], question));
}
const [toWeb, toDb, fromWeb] = ["y/client x/web TCP/8080", "y/client x/db TCP/5432", "x/web y/client TCP/80"];
const onWeb = { podSelector: { matchLabels: { app: "web" } } };
/** An ingress rule for x/web. */
const ingress = (...rules: readonly object[]) => ({ ...onWeb, ingress: rules });
/** An egress rule for x/web. */
const egress = (...rules: readonly object[]) => ({ ...onWeb, policyTypes: ["Egress"], egress: rules });

describe("NetworkPolicy: absent fields", () => {
  it("an absent spec is {}: it isolates all pods of its namespace for ingress", () => {
    assert.deepEqual(under(undefined, toWeb, toDb, fromWeb), ["deny", "deny", "allow"]);
  });
  it("an absent podSelector is {}", () => {
    assert.deepEqual(under({ policyTypes: ["Ingress"] }, toWeb, toDb), ["deny", "deny"]);
  });
  it("empty policyTypes counts as absent", () => {
    assert.deepEqual(under({ policyTypes: [] }, toWeb, fromWeb), ["deny", "allow"]);
    assert.deepEqual(under({ policyTypes: [], egress: [{ to: [{ podSelector: {} }] }] }, toWeb, fromWeb), [
      "deny",
      "deny",
    ]);
  });
});

describe("NetworkPolicy: podSelector", () => {
  it("picks subjects in the policy's own namespace only", () => {
    const policy = networkPolicy("y/policy", { podSelector: { matchLabels: { app: "client" } } });
    assert.equal(ask([...pods, policy], "x/web y/client TCP/80"), "deny");
    assert.equal(ask([...pods, policy], "x/web z/client TCP/80"), "allow");
  });
  it("{} picks all pods of the namespace", () => {
    assert.deepEqual(under({ podSelector: {} }, toWeb, toDb), ["deny", "deny"]);
  });
  const picked = (...matchExpressions: readonly object[]) => under({ podSelector: { matchExpressions } }, toWeb, toDb);
  it("In picks pods that have one of the values", () => {
    assert.deepEqual(picked({ key: "app", operator: "In", values: ["web", "none"] }), ["deny", "allow"]);
  });
  it("NotIn picks pods that have none of the values, and pods without the key", () => {
    assert.deepEqual(picked({ key: "app", operator: "NotIn", values: ["web"] }), ["allow", "deny"]);
    assert.deepEqual(picked({ key: "tier", operator: "NotIn", values: ["front"] }), ["allow", "deny"]);
  });
  it("Exists picks pods that have the key", () => {
    assert.deepEqual(picked({ key: "tier", operator: "Exists" }), ["deny", "allow"]);
  });
  it("DoesNotExist picks pods that do not have the key", () => {
    assert.deepEqual(picked({ key: "tier", operator: "DoesNotExist" }), ["allow", "deny"]);
  });
  it("matchLabels and expressions are ANDed", () => {
    const expression = { key: "tier", operator: "Exists" };
    assert.deepEqual(
      under({ podSelector: { matchLabels: { app: "db" }, matchExpressions: [expression] } }, toWeb, toDb),
      ["allow", "allow"],
    );
    assert.deepEqual(picked(expression, { key: "app", operator: "In", values: ["db"] }), ["allow", "allow"]);
    assert.deepEqual(under({ podSelector: { matchLabels: { app: "web", tier: "back" } } }, toWeb), ["allow"]);
  });
});

describe("NetworkPolicy: policyTypes", () => {
  it("absent: Ingress; no egress rules: not Egress", () => {
    assert.deepEqual(under(onWeb, toWeb, fromWeb), ["deny", "allow"]);
    assert.deepEqual(under({ ...onWeb, egress: [] }, toWeb, fromWeb), ["deny", "allow"]);
  });
  it("absent, with egress rules: Egress too", () => {
    assert.deepEqual(under({ ...onWeb, egress: [{ ports: [{ port: 1 }] }] }, toWeb, fromWeb), ["deny", "deny"]);
  });
  it("present: exactly those", () => {
    assert.deepEqual(under({ ...onWeb, policyTypes: ["Egress"] }, toWeb, fromWeb), ["allow", "deny"]);
    assert.deepEqual(under({ ...onWeb, policyTypes: ["Ingress", "Egress"] }, toWeb, fromWeb), ["deny", "deny"]);
  });
  it("a direction that is not listed is untouched, whatever rules the policy carries", () => {
    const none = [{ ports: [{ port: 1 }] }];
    assert.deepEqual(under({ ...onWeb, policyTypes: ["Ingress"], egress: none }, toWeb, fromWeb), ["deny", "allow"]);
    assert.deepEqual(under({ ...onWeb, policyTypes: ["Egress"], ingress: none }, toWeb, fromWeb), ["allow", "deny"]);
  });
  it("a rule of one direction says nothing about the other", () => {
    const spec = { ...onWeb, policyTypes: ["Ingress", "Egress"], ingress: [{}] };
    assert.deepEqual(under(spec, toWeb, fromWeb), ["allow", "deny"]);
  });
});

describe("NetworkPolicy: isolation", () => {
  it("begins as soon as one policy selects the pod for that direction, and not before", () => {
    assert.equal(ask(pods, toWeb), "allow");
    assert.deepEqual(under(ingress(), toWeb, toDb), ["deny", "allow"]);
  });
  it("accepts the union of what the policies that select the pod allow", () => {
    const from = (name: string, team: string) =>
      networkPolicy(`x/${name}`, ingress({ from: [{ namespaceSelector: { matchLabels: { team } } }] }));
    const both = [...pods, from("b", "b"), from("c", "c")];
    const answers = ["y/client x/web TCP/80", "z/client x/web TCP/80", "x/db x/web TCP/80"].map((one) =>
      ask(both, one),
    );
    assert.deepEqual(answers, ["allow", "allow", "deny"]);
    const two = ingress({ ports: [{ port: 8080 }] }, { ports: [{ port: 90 }] });
    assert.deepEqual(under(two, toWeb, "y/client x/web TCP/90", "y/client x/web TCP/91"), ["allow", "allow", "deny"]);
  });
  it("an empty rule allows everything", () => {
    assert.deepEqual(under(ingress({}), toWeb, "203.0.113.1 x/web UDP/1", "y/client x/web ICMP"), [
      "allow",
      "allow",
      "allow",
    ]);
  });
  it("an empty list of rules, and an absent one, allow nothing", () => {
    assert.deepEqual(under(ingress(), toWeb), ["deny"]);
    assert.deepEqual(under({ ...onWeb, policyTypes: ["Ingress"] }, toWeb), ["deny"]);
  });
  it("both directions must accept", () => {
    const closed = networkPolicy("y/out", { podSelector: {}, policyTypes: ["Egress"] });
    const {
      verdict,
      egress: out,
      ingress: into,
    } = decide([...pods, closed], { from: "y/client", to: "x/web", protocol: "TCP", port: 80 });
    assert.deepEqual([verdict, out.verdict, into.verdict], ["deny", "deny", "allow"]);
  });
});

describe("NetworkPolicy: peers", () => {
  const outside = "203.0.113.1 x/web TCP/80";
  const from = (...peers: readonly object[]) => ingress({ from: peers });
  it("from and to absent or empty: any peer, in or outside the cluster", () => {
    for (const rule of [{}, { from: [] }]) assert.deepEqual(under(ingress(rule), toWeb, outside), ["allow", "allow"]);
    for (const rule of [{}, { to: [] }]) {
      assert.deepEqual(under(egress(rule), fromWeb, "x/web 203.0.113.1 TCP/80"), ["allow", "allow"]);
    }
  });
  it("are ORed", () => {
    const spec = from({ podSelector: { matchLabels: { app: "db" } } }, { ipBlock: { cidr: "203.0.113.0/24" } });
    assert.deepEqual(under(spec, "x/db x/web TCP/80", outside, toWeb), ["allow", "allow", "deny"]);
  });
  it("podSelector alone: pods of the policy's own namespace", () => {
    assert.deepEqual(under(from({ podSelector: {} }), "x/db x/web TCP/80", toWeb, outside), ["allow", "deny", "deny"]);
  });
  it("namespaceSelector alone: all pods of those namespaces, and no others", () => {
    const spec = from({ namespaceSelector: { matchLabels: { team: "b" } } });
    assert.deepEqual(under(spec, toWeb, "z/client x/web TCP/80", outside), ["allow", "deny", "deny"]);
    const any = from({ namespaceSelector: {} });
    assert.deepEqual(under(any, toWeb, "x/db x/web TCP/80", outside), ["allow", "allow", "deny"]);
  });
  it("a namespace always has the label of its name", () => {
    const spec = from({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "y" } } });
    assert.deepEqual(under(spec, toWeb, "z/client x/web TCP/80"), ["allow", "deny"]);
    const objects = [web, client, networkPolicy("x/policy", spec)];
    assert.equal(ask(objects, toWeb), "allow", "also a namespace that no object describes");
  });
  it("namespaceSelector and podSelector together: AND", () => {
    const both = (team: string, app: string) =>
      from({ namespaceSelector: { matchLabels: { team } }, podSelector: { matchLabels: { app } } });
    assert.deepEqual(under(both("b", "client"), toWeb, "z/client x/web TCP/80"), ["allow", "deny"]);
    assert.deepEqual(under(both("b", "db"), toWeb, "x/db x/web TCP/80"), ["deny", "deny"]);
  });
  it("ipBlock: by address, whoever holds it, pods included", () => {
    const spec = from({ ipBlock: { cidr: "10.0.1.0/24" } });
    assert.deepEqual(under(spec, toWeb, "10.0.1.9 x/web TCP/80", "10.0.2.1 x/web TCP/80"), ["allow", "allow", "deny"]);
    const to = egress({ to: [{ ipBlock: { cidr: "10.0.1.0/24" } }] });
    assert.deepEqual(under(to, fromWeb, "x/web x/db TCP/80"), ["allow", "deny"]);
  });
  it("except cuts its own block", () => {
    const spec = from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.1.0/24"] } });
    assert.deepEqual(under(spec, toWeb, "10.0.2.1 x/web TCP/80"), ["deny", "allow"]);
  });
  it("except never cuts another peer's block, nor its pods", () => {
    const cut = { ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.1.0/24"] } };
    assert.deepEqual(under(from(cut, { ipBlock: { cidr: "10.0.1.1/32" } }), toWeb), ["allow"]);
    assert.deepEqual(under(from(cut, { namespaceSelector: { matchLabels: { team: "b" } } }), toWeb), ["allow"]);
  });
});

describe("NetworkPolicy: ports", () => {
  const over = (...ports: readonly object[]) => ingress({ ports });
  const questions = (...overs: readonly string[]) => overs.map((one) => `y/client x/web ${one}`);
  it("absent or empty: any protocol and port, those without ports too", () => {
    const all = questions("TCP/1", "UDP/65535", "SCTP/7", "ICMP", "47");
    for (const rule of [{}, { ports: [] }]) {
      assert.deepEqual(under(ingress(rule), ...all), ["allow", "allow", "allow", "allow", "allow"]);
    }
  });
  it("protocol defaults to TCP", () => {
    assert.deepEqual(under(over({ port: 80 }), ...questions("TCP/80", "UDP/80")), ["allow", "deny"]);
    assert.deepEqual(under(over({ port: "http" }), ...questions("TCP/8080", "UDP/8080")), ["allow", "deny"]);
  });
  it("port absent: every port of that protocol, and no other protocol", () => {
    const answers = under(over({ protocol: "UDP" }), ...questions("UDP/1", "UDP/65535", "TCP/1", "ICMP"));
    assert.deepEqual(answers, ["allow", "allow", "deny", "deny"]);
  });
  it("a rule with ports never matches a protocol without ports", () => {
    const spec = over({ protocol: "TCP" }, { protocol: "UDP" }, { protocol: "SCTP" });
    assert.deepEqual(under(spec, ...questions("ICMP", "47", "58")), ["deny", "deny", "deny"]);
  });
  it("endPort: an inclusive range", () => {
    const answers = under(
      over({ port: 80, endPort: 90 }),
      ...questions("TCP/79", "TCP/80", "TCP/90", "TCP/91", "UDP/85"),
    );
    assert.deepEqual(answers, ["deny", "allow", "allow", "deny", "deny"]);
  });
  it("SCTP as TCP and UDP", () => {
    assert.deepEqual(under(over({ port: 80, protocol: "SCTP" }), ...questions("SCTP/80", "TCP/80", "SCTP/81")), [
      "allow",
      "deny",
      "deny",
    ]);
  });
  it("are ORed, and ANDed with the peers", () => {
    const spec = ingress({ from: [{ podSelector: {} }], ports: [{ port: 80 }, { port: 81 }] });
    assert.deepEqual(
      under(spec, "x/db x/web TCP/80", "x/db x/web TCP/81", "x/db x/web TCP/82", "y/client x/web TCP/80"),
      ["allow", "allow", "deny", "deny"],
    );
  });
});

describe("NetworkPolicy: named ports", () => {
  const named = (port: string, protocol = "TCP") => ingress({ ports: [{ port, protocol }] });
  it("ingress: looked up in the subject, not in the peer", () => {
    assert.deepEqual(under(named("http"), "x/db x/web TCP/8080", "x/db x/web TCP/5432"), ["allow", "deny"]);
  });
  it("egress: looked up in the peer that is the destination, not in the subject", () => {
    const spec = egress({ ports: [{ port: "http" }] });
    assert.deepEqual(under(spec, "x/web x/db TCP/5432", "x/web x/db TCP/8080"), ["allow", "deny"]);
  });
  it("name and protocol must both be the declared ones", () => {
    assert.deepEqual(under(named("dns", "UDP"), "y/client x/web UDP/5353", "y/client x/web TCP/5353"), [
      "allow",
      "deny",
    ]);
    assert.deepEqual(under(named("dns"), "y/client x/web TCP/5353", "y/client x/web UDP/5353"), ["deny", "deny"]);
    assert.deepEqual(under(named("https"), "y/client x/web TCP/8080"), ["deny"]);
  });
  it("ports of sidecar init containers count, those of other init containers do not", () => {
    const init = (name: string, more: object) => ({ name, ports: [{ containerPort: 9000, name: "side" }], ...more });
    const withInit = (more: object) =>
      pod("x/web", "10.0.0.1", { labels: { app: "web" }, spec: { initContainers: [init("init", more)] } });
    const answer = (more: object) =>
      ask([client, withInit(more), networkPolicy("x/policy", named("side"))], "y/client x/web TCP/9000");
    assert.equal(answer({ restartPolicy: "Always" }), "allow");
    assert.equal(answer({}), "deny");
  });
  it("a name declared more than once counts with every number", () => {
    const ports = [
      { containerPort: 1, name: "twice" },
      { containerPort: 2, name: "twice" },
    ];
    const twice = [
      client,
      pod("x/web", "10.0.0.1", { labels: { app: "web" }, ports }),
      networkPolicy("x/p", named("twice")),
    ];
    const answers = ["TCP/1", "TCP/2", "TCP/3"].map((over) => ask(twice, `y/client x/web ${over}`));
    assert.deepEqual(answers, ["allow", "allow", "deny"]);
  });
  it("a destination that is no pod, or declares no such port, does not match: never all ports", () => {
    const spec = egress({ ports: [{ port: "http" }] });
    assert.deepEqual(under(spec, "x/web 203.0.113.1 TCP/8080", "x/web y/client TCP/8080"), ["deny", "deny"]);
    assert.deepEqual(under(named("nothing"), "y/client x/web TCP/8080", "y/client x/web TCP/80"), ["deny", "deny"]);
  });
});
