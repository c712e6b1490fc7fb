/** Questions about a name: what an END `dns/NAME` means (docs/decisions/0028). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, decide, networkPolicy, node, pod } from "../../test/ask.ts";
import { type ApiObject, clusterOf } from "../../test/cluster-of.ts";
import { adminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";
import { explain } from "./explain.ts";
import { readQuery } from "./query.ts";
import { createResolver } from "./resolve.ts";

const world: readonly ApiObject[] = [
  node("n1", ["192.168.0.1"], ["10.0.0.0/24"]),
  pod("x/web", ["10.0.0.5", "fd00::5"]),
  pod("y/b", "10.0.0.6"),
];
const subject = { namespaces: {} };
const cnp = (...egress: readonly object[]): ApiObject =>
  clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject, egress });
const accept = (...domainNames: readonly string[]) => ({ action: "Accept", to: [{ domainNames }] });
const denyAll = { action: "Deny", to: [{ networks: ["0.0.0.0/0", "::/0"] }] };

/** Which of these names x/web reaches. */
function reached(policies: readonly ApiObject[], ...names: readonly string[]): readonly string[] {
  return names.filter((name) => ask([...world, ...policies], `x/web dns/${name} TCP/443`) === "allow");
}

describe("a name", () => {
  it("is an outside host: what is not isolated reaches it, and nothing is asked on its way in", () => {
    const query = { from: "x/web", to: "dns/a.test", protocol: "TCP", port: 443 };
    const { egress, ingress } = decide(world, query);
    assert.deepEqual(
      [egress.tier, egress.verdict, ingress.tier, ingress.verdict],
      ["default", "allow", "none", "allow"],
    );
    assert.equal(ask(world, "x/web dns/a.test TCP/443", { options: { defaultVerdict: "deny" } }), "deny");
    assert.equal(ask(world, "node/n1 dns/a.test TCP/443"), "allow");
    assert.equal(ask(world, "203.0.113.1 dns/a.test TCP/443"), "allow");
    assert.equal(ask(world, "10.0.0.9 dns/a.test TCP/443"), "deny", "rule 10 is about who asks, too");
  });
  it("is matched exactly, whatever its case and trailing dot", () => {
    const policies = [cnp(accept("WWW.Example.org."), denyAll)];
    const names = ["www.example.org", "www.EXAMPLE.org.", "example.org", "a.www.example.org", "wwwexample.org"];
    assert.deepEqual(reached(policies, ...names), names.slice(0, 2));
  });
  it("is matched by `*.` with one or more labels before it", () => {
    const policies = [cnp(accept("*.example.org"), denyAll)];
    const names = ["a.example.org", "b.a.example.org", "example.org", "aexample.org", "example.org.test"];
    assert.deepEqual(reached(policies, ...names), names.slice(0, 2));
  });
  it("decides with its rule's ports, and by the first rule that matches", () => {
    const web = { ...accept("a.test"), protocols: [{ tcp: { destinationPort: { number: 443 } } }] };
    const policies = [...world, cnp(web, denyAll)];
    const answers = ["TCP/443", "TCP/80", "ICMP"].map((over) => ask(policies, `x/web dns/a.test ${over}`));
    assert.deepEqual(answers, ["allow", "deny", "deny"]);
    assert.deepEqual(reached([cnp(denyAll, accept("a.test"))], "a.test"), []);
    const { decidedBy } = decide(policies, { from: "x/web", to: "dns/a.test", protocol: "TCP", port: 443 }).egress;
    assert.deepEqual(decidedBy, { policy: "ClusterNetworkPolicy/p", rule: 0 });
  });
  it("is in a block only if the block holds every address of the family that is asked", () => {
    const deny = (...networks: readonly string[]) => [...world, cnp({ action: "Deny", to: [{ networks }] })];
    const asked = (objects: readonly ApiObject[], family: 4 | 6) =>
      decide(objects, { from: "x/web", to: "dns/a.test", protocol: "TCP", port: 443, family }).verdict;
    for (const [networks, four, six] of [
      [["0.0.0.0/0"], "deny", "allow"],
      [["::/0"], "allow", "deny"],
      [["0.0.0.0/1", "128.0.0.0/1"], "deny", "allow"],
      [["0.0.0.0/1"], "allow", "allow"],
    ] as const) {
      assert.deepEqual([asked(deny(...networks), 4), asked(deny(...networks), 6)], [four, six], networks.join());
    }
    assert.equal(ask(deny("0.0.0.0/0"), "x/web dns/a.test TCP/443"), "deny", "IPv4 where nobody says which");
  });
  it("is no pod's and no node's, nor has it named ports", () => {
    const policies = [
      cnp({ action: "Deny", to: [{ namespaces: {} }, { nodes: {} }] }),
      adminNetworkPolicy("q", {
        priority: 2,
        subject,
        egress: [{ action: "Deny", to: [{ namespaces: {} }], ports: [{ namedPort: "http" }] }],
      }),
    ];
    assert.deepEqual(reached(policies, "a.test"), ["a.test"]);
  });
  it("is denied by isolation, as NetworkPolicy knows no names; an empty rule lets it through", () => {
    const isolating = (...egress: readonly object[]) =>
      networkPolicy("x/p", { podSelector: {}, policyTypes: ["Egress"], egress });
    assert.deepEqual(reached([isolating()], "a.test"), []);
    assert.deepEqual(reached([isolating({})], "a.test"), ["a.test"]);
    const internet = { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }] };
    assert.deepEqual(reached([isolating(internet)], "a.test"), [], "its addresses are not known: they may be in 10/8");
  });
});

describe("what is said of a name that is allowed", () => {
  const notesOn = (policy: ApiObject, protocol = "TCP") => {
    const cluster = clusterOf([...world, policy]);
    const query = readQuery({ from: "x/web", to: "dns/a.test", protocol, port: 443 });
    if ("error" in query) throw new Error(query.error);
    const connection = createResolver(cluster, []).resolve(query);
    if ("error" in connection) throw new Error(connection.error);
    return explain(cluster, connection).egress.notes;
  };
  const to = [{ networks: ["10.0.0.0/8", "fd00::/8"] }, { nodes: {} }];
  it("leaves out addresses that an earlier rule takes", () => {
    assert.deepEqual(notesOn(cnp({ action: "Deny", to }, accept("a.test"), denyAll)), [
      "the rule names a.test: once a resolver has told the pod addresses of a.test, connections to these pass, but for " +
        "those among 10.0.0.0/8, nodes (rule 0 of ClusterNetworkPolicy/p), which comes before; which they are is not known here",
    ]);
  });
  it("but none that are accepted, or that stand beside other ports", () => {
    const udp = [{ udp: { destinationPort: { number: 443 } } }];
    const policy = cnp({ action: "Accept", to }, { action: "Deny", to, protocols: udp }, accept("a.test"));
    assert.doesNotMatch(notesOn(policy).join(), /comes before/);
    assert.match(notesOn(policy, "UDP").join(), /comes before/);
  });
});

describe("an address", () => {
  it("is never matched by names: what was learned is not known", () => {
    const objects = [...world, cnp(accept("*.a.test", "a.b"), denyAll)];
    assert.deepEqual(
      ["203.0.113.1", "y/b", "node/n1"].map((to) => ask(objects, `x/web ${to} TCP/443`)),
      ["deny", "deny", "deny"],
    );
  });
});
