/** What an ordered tier does with rules that cannot be read (docs/semantics.md, fail closed), and with gates shut. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decideIn, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { readCluster } from "../../test/cluster-of.ts";
import { adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";

const world = [pod("x/web", "10.0.0.1", { labels: { app: "web" } }), pod("y/client", "10.0.1.1")];
const everybody = { namespaces: {} };
const ports = [{ tcp: { destinationPort: { number: 80 } } }];

/** Verdicts of a policy that has errors, in the order of these ways out of x/web: TCP 80 and ICMP to a pod, outside. */
function outOf(policy: ApiObject, defaultVerdict: "accept" | "deny"): string {
  const { cluster, errors } = readCluster([...world, policy]);
  assert.notEqual(errors.length, 0, "it is reported");
  const ways = [
    { to: "y/client", protocol: "TCP", port: 80 },
    { to: "y/client", protocol: "ICMP" },
    { to: "203.0.113.1", protocol: "TCP", port: 81 },
  ];
  const verdicts = ways.map((way) => decideIn(cluster, { from: "x/web", ...way }, { options: { defaultVerdict } }));
  return verdicts.map((one) => (typeof one === "string" ? one : one.egress.verdict)).join(" ");
}
const cnp = (...egress: readonly object[]): ApiObject =>
  clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject: everybody, egress });
const anp = (...egress: readonly object[]): ApiObject =>
  adminNetworkPolicy("p", { priority: 1, subject: everybody, egress });
const banp = (...egress: readonly object[]): ApiObject => baselineAdminNetworkPolicy({ subject: everybody, egress });

const nothingMatches = (policy: (action: string) => ApiObject, accept: string): void => {
  assert.equal(outOf(policy(accept), "deny"), "deny deny deny", "an unreadable rule that accepts matches nothing");
};
const denyAll = (policy: (action: string) => ApiObject, ...actions: readonly string[]): void => {
  for (const action of actions) assert.equal(outOf(policy(action), "accept"), "deny deny deny", action);
};

describe("a rule that cannot be read", () => {
  const cases: readonly (readonly [string, (action: string) => ApiObject])[] = [
    ["an unknown peer", (action) => cnp({ action, to: [{ serviceAccounts: {} }] })],
    ["an unknown peer beside one that is known", (action) => cnp({ action, to: [everybody, { clouds: ["a"] }] })],
    ["a peer of two forms", (action) => cnp({ action, to: [{ ...everybody, networks: ["0.0.0.0/0"] }] })],
    ["no peer", (action) => cnp({ action, to: [] })],
    ["an unreadable network", (action) => cnp({ action, to: [everybody, { networks: ["10.0.0.0/33"] }] })],
    ["an unreadable selector", (action) => cnp({ action, to: [everybody, { nodes: { matchLabels: { "/": "" } } }] })],
    ["an unknown protocol", (action) => cnp({ action, to: [everybody], protocols: [...ports, { quic: {} }] })],
    [
      "a range whose start is behind its end",
      (action) =>
        cnp({ action, to: [everybody], protocols: [{ tcp: { destinationPort: { range: { start: 9, end: 8 } } } }] }),
    ],
    [
      "a name of a port beside networks",
      (action) => cnp({ action, to: [{ networks: ["0.0.0.0/0"] }], protocols: [{ destinationNamedPort: "http" }] }),
    ],
    [
      "a name of a port beside nodes",
      (action) => cnp({ action, to: [everybody, { nodes: {} }], protocols: [{ destinationNamedPort: "http" }] }),
    ],
    ["an unknown field", (action) => cnp({ action, to: [everybody], schedule: "at night" })],
  ];
  for (const [what, policy] of cases) {
    it(`${what}: Accept matches nothing, Deny and Pass deny everything of the direction`, () => {
      nothingMatches(policy, "Accept");
      denyAll(policy, "Deny", "Pass");
    });
  }
  it("the same in v1alpha1: a port of another protocol, start behind end, a name beside nodes", () => {
    const bad = [
      { portNumber: { protocol: "ICMP", port: 80 } },
      { portRange: { start: 9, end: 8 } },
      { portRange: { protocol: "tcp", start: 8, end: 9 } },
    ];
    for (const one of bad) {
      for (const policy of [anp, banp]) {
        nothingMatches((action) => policy({ action, to: [everybody], ports: [one] }), "Allow");
        denyAll((action) => policy({ action, to: [everybody], ports: [one] }), "Deny");
      }
    }
    const named = (action: string) => anp({ action, to: [{ nodes: {} }], ports: [{ namedPort: "http" }] });
    nothingMatches(named, "Allow");
    denyAll(named, "Deny", "Pass");
  });
  it("an unknown action denies everything", () => {
    denyAll((action) => cnp({ action, to: [everybody] }), "Allow", "Log", "accept");
    denyAll((action) => anp({ action, to: [everybody] }), "Accept", "Log");
  });
  it("BaselineAdminNetworkPolicy has no Pass and no domainNames", () => {
    denyAll((action) => banp({ action, to: [everybody] }), "Pass");
    nothingMatches((action) => banp({ action, to: [everybody, { domainNames: ["a.test"] }] }), "Allow");
  });
  it("names under Deny or Pass are an unreadable peer", () => {
    denyAll((action) => cnp({ action, to: [{ domainNames: ["a.test"] }] }), "Deny", "Pass");
  });
  it("leaves the other direction and the other rules as they are", () => {
    const rules = [
      { action: "Accept", to: [everybody] },
      { action: "Deny", to: [{ clouds: [] }] },
    ];
    assert.equal(outOf(cnp(...rules), "accept"), "allow allow deny");
    const { cluster } = readCluster([...world, cnp(...rules)]);
    const into = decideIn(cluster, { from: "203.0.113.1", to: "x/web", protocol: "TCP", port: 80 });
    assert.ok(typeof into !== "string" && into.ingress.tier === "default");
  });
  it("is named by its own number, and so are those behind it", () => {
    const rules = [
      { action: "Accept", to: [{ clouds: [] }] },
      { action: "Deny", to: [everybody], name: "last" },
    ];
    const { cluster } = readCluster([...world, cnp(...rules)]);
    const decision = decideIn(cluster, { from: "x/web", to: "y/client", protocol: "TCP", port: 80 });
    assert.ok(typeof decision !== "string");
    assert.deepEqual(decision.egress.decidedBy, { policy: "ClusterNetworkPolicy/p", rule: 1, ruleName: "last" });
  });
  it("something that is no rule, or no list of rules, denies everything of its direction", () => {
    assert.equal(outOf(cnp("rule" as unknown as object), "accept"), "deny deny deny");
    const spec = { tier: "Admin", priority: 1, subject: everybody, egress: { action: "Accept", to: [everybody] } };
    assert.equal(outOf(clusterNetworkPolicy("p", spec), "accept"), "deny deny deny");
  });
});

describe("a policy whose place cannot be read", () => {
  const first = clusterNetworkPolicy("first", {
    tier: "Admin",
    priority: 0,
    subject: everybody,
    egress: [{ action: "Accept", to: [everybody] }],
  });
  const verdict = (policy: ApiObject): string => {
    const { cluster, errors } = readCluster([...world, first, policy]);
    assert.notEqual(errors.length, 0);
    const decision = decideIn(cluster, { from: "x/web", to: "y/client", protocol: "TCP", port: 80 });
    return typeof decision === "string" ? decision : `${decision.egress.verdict} ${decision.egress.decidedBy?.policy}`;
  };
  const placed = (place: object, action: string) =>
    clusterNetworkPolicy("p", { ...place, subject: everybody, egress: [{ action, to: [everybody] }] });
  it("denies what it denies or passes, before everything else, and accepts nothing", () => {
    for (const place of [{ priority: 5 }, { tier: "Admin" }, { tier: "admin", priority: 5 }]) {
      assert.equal(verdict(placed(place, "Deny")), "deny ClusterNetworkPolicy/p");
      assert.equal(verdict(placed(place, "Pass")), "deny ClusterNetworkPolicy/p");
      assert.equal(verdict(placed(place, "Accept")), "allow ClusterNetworkPolicy/first");
    }
  });
  it("but for a priority that is only out of bounds: it orders", () => {
    const before = placed({ tier: "Admin", priority: -1 }, "Deny");
    assert.equal(verdict(before), "deny ClusterNetworkPolicy/p");
    assert.equal(verdict(placed({ tier: "Admin", priority: 1001 }, "Deny")), "allow ClusterNetworkPolicy/first");
  });
});
