import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { everything, selectorOf } from "../../kube/selector.ts";
import { addressSetOf } from "../../net/address-set.ts";
import { parseCidr } from "../../net/cidr.ts";
import type { Cidr } from "../../net/cidr.ts";
import type { FeatureGate } from "../feature-gates.ts";
import type { Clause, Peer, Policy, PortMatch } from "../policy.ts";
import { adminNetworkPolicyKind } from "./admin-network-policy.ts";

const everyNamespace = { namespaces: {} };
const base = { priority: 10, subject: everyNamespace };

function decoded(spec: object, gates?: ReadonlySet<FeatureGate>): { policy: Policy | null; errors: readonly string[] } {
  const { policy, errors } = adminNetworkPolicyKind.decode(
    { metadata: { name: "p" }, spec: { ...base, ...spec } },
    gates,
  );
  return { policy, errors: errors.map(fieldErrorText) };
}

function policyOf(spec: object): Policy {
  const { policy: read, errors } = decoded(spec);
  assert.deepEqual(errors, []);
  assert.ok(read !== null);
  return read;
}

const everyPod = { namespaces: { kind: "selector", selector: everything }, pods: everything } as const;
const label = (key: string, value: string) => selectorOf([{ operator: "In", key, values: [value] }]);
const cidrs = (...texts: string[]) => addressSetOf(texts.map((text) => parseCidr(text) as Cidr));

const peerOf = (peer: object): Peer | undefined =>
  policyOf({ egress: [{ action: "Allow", to: [peer] }] }).egress?.[0]?.peers?.[0];
const portOf = (port: object): PortMatch | undefined =>
  policyOf({ ingress: [{ action: "Deny", from: [everyNamespace], ports: [port] }] }).ingress?.[0]?.ports?.[0];

describe("an AdminNetworkPolicy", () => {
  it("stands in the Admin tier at its priority and touches only directions with rules", () => {
    assert.deepEqual(policyOf({ priority: 1000, egress: [] }), {
      id: "AdminNetworkPolicy/p",
      kind: "AdminNetworkPolicy",
      namespace: null,
      name: "p",
      tier: "admin",
      priority: 1000,
      mode: "enforce",
      subject: everyPod,
      ingress: null,
      egress: null,
    });
    assert.equal(policyOf({ priority: 0 }).priority, 0);
  });

  it("has rules in order, with their names and actions", () => {
    const rule = (action: string, name?: string) => ({ action, from: [everyNamespace], name });
    const clause = (index: number, action: Clause["action"], ruleName: string | null): Clause => ({
      rule: index,
      ruleName,
      action,
      peers: [{ kind: "pods", selection: everyPod }],
      ports: null,
    });
    assert.deepEqual(policyOf({ ingress: [rule("Pass", "one"), rule("Deny"), rule("Allow", "")] }).ingress, [
      clause(0, "pass", "one"),
      clause(1, "deny", null),
      clause(2, "accept", null),
    ]);
  });

  it("picks its subject by namespaces, or by both selectors", () => {
    const namespaces = { matchLabels: { team: "red" } };
    const red = { kind: "selector", selector: label("team", "red") };
    assert.deepEqual(policyOf({ subject: { namespaces } }).subject, { namespaces: red, pods: everything });
    const pods = { namespaceSelector: namespaces, podSelector: { matchLabels: { app: "web" } } };
    assert.deepEqual(policyOf({ subject: { pods } }).subject, { namespaces: red, pods: label("app", "web") });
  });

  it("reads each form of peer", () => {
    const selector = { matchLabels: { zone: "a" } };
    const inZone = { kind: "selector", selector: label("zone", "a") };
    assert.deepEqual(peerOf({ namespaces: selector }), {
      kind: "pods",
      selection: { namespaces: inZone, pods: everything },
    });
    assert.deepEqual(peerOf({ pods: { namespaceSelector: {}, podSelector: selector } }), {
      kind: "pods",
      selection: { namespaces: { kind: "selector", selector: everything }, pods: label("zone", "a") },
    });
    assert.deepEqual(peerOf({ nodes: selector }), { kind: "nodes", selector: label("zone", "a") });
    assert.deepEqual(peerOf({ nodes: {} }), { kind: "nodes", selector: everything });
    assert.deepEqual(peerOf({ networks: ["10.1.2.3/8", "fd00::/8", "::1.2.3.4/96"] }), {
      kind: "block",
      addresses: cidrs("10.0.0.0/8", "fd00::/8", "::/96"),
    });
    assert.deepEqual(peerOf({ domainNames: ["Example.ORG.", "*.example.org", "example.org"] }), {
      kind: "domains",
      patterns: ["example.org", "*.example.org"],
    });
  });

  it("reads each form of port", () => {
    const range = (protocol: string, from: number, to = from) => ({ kind: "range", protocol, from, to });
    assert.deepEqual(portOf({ portNumber: { port: 80 } }), range("TCP", 80));
    assert.deepEqual(portOf({ portNumber: { port: 65535, protocol: null } }), range("TCP", 65535));
    assert.deepEqual(portOf({ portNumber: { port: 53, protocol: "UDP" } }), range("UDP", 53));
    assert.deepEqual(portOf({ portRange: { start: 1, end: 9, protocol: "SCTP" } }), range("SCTP", 1, 9));
    assert.deepEqual(portOf({ portRange: { start: 9, end: 9 } }), range("TCP", 9));
    assert.deepEqual(portOf({ namedPort: "web" }), { kind: "named", name: "web", protocol: null });
  });

  it("has none of the experimental fields whose gates are shut: they are unknown", () => {
    const egress = (to: object) => ({ egress: [{ action: "Deny", to: [to] }] });
    const ports = { ingress: [{ action: "Allow", from: [everyNamespace], ports: [{ namedPort: "web" }] }] };
    const shut = (gate: FeatureGate) =>
      new Set((["NodePeers", "DomainNames", "NamedPorts"] as const).filter((one) => one !== gate));
    const nodes = decoded(egress({ nodes: {} }), shut("NodePeers"));
    assert.deepEqual(nodes.errors, ["spec.egress[0].to[0].nodes: unknown field: the feature gate NodePeers is shut"]);
    assert.deepEqual(nodes.policy?.egress, [{ rule: 0, ruleName: null, action: "deny", peers: null, ports: null }]);
    const names = decoded(egress({ domainNames: ["a.b"] }), shut("DomainNames"));
    assert.deepEqual(names.errors, [
      "spec.egress[0].to[0].domainNames: unknown field: the feature gate DomainNames is shut",
    ]);
    const named = decoded(ports, shut("NamedPorts"));
    assert.deepEqual(named.errors, [
      "spec.ingress[0].ports[0].namedPort: unknown field: the feature gate NamedPorts is shut",
    ]);
    assert.equal(named.policy?.ingress, null);
    assert.deepEqual(decoded(ports, shut("NodePeers")).errors, []);
  });
});
