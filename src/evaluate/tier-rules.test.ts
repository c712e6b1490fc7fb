/** A case for each sentence of docs/semantics.md about the rules of the ordered tiers: subjects, peers, ports. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, namespace, node, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";

const onNode = (name: string) => ({ nodeName: name, containers: [] });
const world: readonly ApiObject[] = [
  namespace("x", { team: "a" }),
  namespace("y", { team: "b" }),
  node("n1", ["192.168.0.1", "fd00:99::1"], [], { role: "plain" }),
  {
    ...node("n2", [], [], { role: "edge" }),
    status: {
      addresses: [
        { type: "InternalIP", address: "192.168.0.2" },
        { type: "ExternalIP", address: "198.51.100.2" },
        { type: "Hostname", address: "n2" },
      ],
    },
  },
  pod("x/web", "10.0.0.1", {
    labels: { app: "web" },
    ports: [
      { containerPort: 8080, name: "http" },
      { containerPort: 8081, name: "http", protocol: "UDP" },
    ],
  }),
  pod("x/db", "10.0.0.2", { labels: { app: "db" }, ports: [{ containerPort: 5432, name: "http" }] }),
  pod("y/client", ["10.0.1.1", "fd00::1"], { labels: { app: "web" } }),
  pod("y/host", "192.168.0.2", { labels: { app: "web" }, spec: { ...onNode("n2"), hostNetwork: true } }),
];
const everybody = { namespaces: {} };
const web = { podSelector: { matchLabels: { app: "web" } } };

/** The same rules as a policy of each kind that has them: the words differ, not the meaning. */
interface Version {
  readonly kind: string;
  readonly accept: string;
  readonly policy: (spec: object) => ApiObject;
}
const newest: Version = {
  kind: "ClusterNetworkPolicy",
  accept: "Accept",
  policy: (spec) => clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject: everybody, ...spec }),
};
const first: Version = {
  kind: "AdminNetworkPolicy",
  accept: "Allow",
  policy: (spec) => adminNetworkPolicy("p", { priority: 1, subject: everybody, ...spec }),
};
const baseline: Version = {
  kind: "BaselineAdminNetworkPolicy",
  accept: "Allow",
  policy: (spec) => baselineAdminNetworkPolicy({ subject: everybody, ...spec }),
};

const verdicts = (policy: ApiObject, ...questions: readonly string[]): readonly string[] =>
  questions.map((question) => ask([...world, policy], question));
/** Whom a Deny rule for egress of everybody denies, of those asked about from y/client. */
function denied(version: Version, rule: object, ...targets: readonly string[]): readonly string[] {
  const policy = version.policy({ egress: [{ action: "Deny", ...rule }] });
  return targets.filter((target) => verdicts(policy, `y/client ${target}`)[0] === "deny");
}
const [toWeb, toDb, outside] = ["x/web TCP/8080", "x/db TCP/8080", "203.0.113.1 TCP/8080"];

for (const version of [newest, first, baseline]) {
  const { kind, accept, policy } = version;
  const noNames = (pods: object) => (kind === "ClusterNetworkPolicy" ? pods : { namespaceSelector: {}, ...pods });

  describe(`subjects and peers of ${kind}`, () => {
    it("subjects: all pods of namespaces, or namespaceSelector AND podSelector", () => {
      const under = (subject: object) =>
        verdicts(
          policy({ subject, ingress: [{ action: "Deny", from: [everybody] }] }),
          "y/client x/web TCP/1",
          "y/client x/db TCP/1",
          "x/web y/client TCP/1",
        );
      const namespaceSelector = { matchLabels: { team: "a" } };
      assert.deepEqual(under({ namespaces: {} }), ["deny", "deny", "deny"]);
      assert.deepEqual(under({ namespaces: namespaceSelector }), ["deny", "deny", "allow"]);
      assert.deepEqual(under({ pods: { namespaceSelector, ...web } }), ["deny", "allow", "allow"]);
      assert.deepEqual(under({ pods: noNames(web) }), ["deny", "allow", "deny"]);
    });
    it("peers: the same, in both directions", () => {
      const namespaceSelector = { matchLabels: { team: "a" } };
      assert.deepEqual(denied(version, { to: [{ namespaces: namespaceSelector }] }, toWeb, toDb, outside), [
        toWeb,
        toDb,
      ]);
      assert.deepEqual(denied(version, { to: [{ pods: { namespaceSelector, ...web } }] }, toWeb, toDb, outside), [
        toWeb,
      ]);
      assert.deepEqual(denied(version, { to: [everybody] }, toWeb, outside), [toWeb], "outside is no pod");
      const ingress = policy({ ingress: [{ action: "Deny", from: [{ pods: noNames(web) }] }] });
      const questions = ["y/client x/db TCP/1", "x/db x/web TCP/1", "203.0.113.1 x/db TCP/1"];
      assert.deepEqual(verdicts(ingress, ...questions), ["deny", "allow", "allow"]);
    });
    it("peers are ORed", () => {
      const peers = [{ pods: noNames(web) }, { networks: ["203.0.113.0/24"] }];
      assert.deepEqual(denied(version, { to: peers }, toWeb, toDb, outside), [toWeb, outside]);
    });
    it("hostNetwork pods are never a subject, and no pod selector picks them (rule 5)", () => {
      assert.deepEqual(denied(version, { to: [everybody] }, "y/host TCP/1"), []);
      const out = policy({ egress: [{ action: "Deny", to: [everybody] }] });
      assert.deepEqual(verdicts(out, "y/host x/web TCP/1"), ["allow"]);
    });
    it("nodes: every IP address in status.addresses of the Nodes that are picked, hostNetwork pods with them", () => {
      const edge = { to: [{ nodes: { matchLabels: { role: "edge" } } }] };
      const targets = ["node/n2 TCP/1", "192.168.0.2 TCP/1", "198.51.100.2 TCP/1", "y/host TCP/1"];
      assert.deepEqual(denied(version, edge, ...targets, "node/n1 TCP/1", outside, toWeb), targets);
      assert.deepEqual(denied(version, { to: [{ nodes: {} }] }, "node/n1 TCP/1", "fd00:99::1 TCP/1", outside), [
        "node/n1 TCP/1",
        "fd00:99::1 TCP/1",
      ]);
    });
    it("networks: by address, whoever holds it: pods, nodes and the outside; every protocol", () => {
      const networks = ["10.0.0.1/32", "203.0.113.0/24", "fd00:99::/64"];
      const targets = [toWeb, "x/web ICMP", outside, "203.0.113.7 47", "fd00:99::1 TCP/1"];
      assert.deepEqual(denied(version, { to: [{ networks }] }, ...targets, toDb, "198.51.100.1 TCP/1"), targets);
    });
    it("a rule for everybody beside one that accepts: the first that matches decides", () => {
      const rules = policy({
        egress: [
          { action: accept, to: [{ networks: ["203.0.113.1/32"] }] },
          { action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] },
        ],
      });
      assert.deepEqual(verdicts(rules, `y/client ${outside}`, "y/client 203.0.113.2 TCP/1"), ["allow", "deny"]);
    });
  });
}

describe("ports of v1alpha2", () => {
  const over = (protocols: readonly object[], ...targets: readonly string[]) =>
    denied(newest, { to: [everybody], protocols }, ...targets);
  it("a number or a range, inclusive, of one protocol", () => {
    const number = { destinationPort: { number: 80 } };
    assert.deepEqual(over([{ tcp: number }], "x/web TCP/80", "x/web UDP/80", "x/web TCP/81"), ["x/web TCP/80"]);
    assert.deepEqual(over([{ sctp: number }, { udp: number }], "x/web SCTP/80", "x/web UDP/80", "x/web TCP/80"), [
      "x/web SCTP/80",
      "x/web UDP/80",
    ]);
    const range = { destinationPort: { range: { start: 80, end: 82 } } };
    const targets = ["x/web TCP/79", "x/web TCP/80", "x/web TCP/82", "x/web TCP/83"];
    assert.deepEqual(over([{ tcp: range }], ...targets), ["x/web TCP/80", "x/web TCP/82"]);
  });
  it("a name: every protocol and number that the destination declares under it", () => {
    const named = [{ destinationNamedPort: "http" }];
    const targets = ["x/web TCP/8080", "x/web UDP/8081", "x/db TCP/5432"];
    assert.deepEqual(over(named, ...targets, "x/web UDP/8080", "x/db TCP/8080", "y/host TCP/8080"), targets);
  });
});

describe("ports of v1alpha1", () => {
  const over = (ports: readonly object[], ...targets: readonly string[]) => [
    denied(first, { to: [everybody], ports }, ...targets),
    denied(baseline, { to: [everybody], ports }, ...targets),
  ];
  const both = (...targets: readonly string[]) => [targets, targets];
  it("portNumber; an absent protocol is TCP", () => {
    assert.deepEqual(over([{ portNumber: { port: 80 } }], "x/web TCP/80", "x/web UDP/80"), both("x/web TCP/80"));
    const udp = { portNumber: { protocol: "UDP", port: 80 } };
    assert.deepEqual(over([udp], "x/web TCP/80", "x/web UDP/80"), both("x/web UDP/80"));
  });
  it("portRange, inclusive; an absent protocol is TCP", () => {
    const range = { portRange: { start: 80, end: 82 } };
    const targets = ["x/web TCP/79", "x/web TCP/80", "x/web TCP/82", "x/web TCP/83", "x/web UDP/81"];
    assert.deepEqual(over([range], ...targets), both("x/web TCP/80", "x/web TCP/82"));
    const sctp = { portRange: { protocol: "SCTP", start: 80, end: 80 } };
    assert.deepEqual(over([sctp], "x/web SCTP/80", "x/web TCP/80"), both("x/web SCTP/80"));
  });
  it("namedPort: every protocol and number that the destination declares under it", () => {
    const targets = ["x/web TCP/8080", "x/web UDP/8081", "x/db TCP/5432"];
    assert.deepEqual(over([{ namedPort: "http" }], ...targets, "x/db TCP/8080"), both(...targets));
  });
});

describe("ports of every kind", () => {
  it("a name is looked up in the subject for ingress", () => {
    const rule = { action: "Deny", from: [everybody], protocols: [{ destinationNamedPort: "http" }] };
    const policy = newest.policy({ ingress: [rule] });
    const questions = ["y/client x/web TCP/8080", "x/web x/db TCP/5432", "x/db x/web TCP/5432"];
    assert.deepEqual(verdicts(policy, ...questions), ["deny", "deny", "allow"]);
  });
  it("a rule with ports never matches a protocol without ports; one without matches all", () => {
    const ports = { protocols: [{ tcp: { destinationPort: { range: { start: 1, end: 65535 } } } }] };
    assert.deepEqual(denied(newest, { to: [everybody], ...ports }, "x/web ICMP", "x/web 47", toWeb), [toWeb]);
    assert.deepEqual(denied(newest, { to: [everybody] }, "x/web ICMP", "x/web 47"), ["x/web ICMP", "x/web 47"]);
  });
});
