import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { everything, selectorOf } from "../../kube/selector.ts";
import type { FeatureGate } from "../feature-gates.ts";
import type { Policy, PortMatch } from "../policy.ts";
import { clusterNetworkPolicyKind } from "./cluster-network-policy.ts";

const everyNamespace = { namespaces: {} };
const base = { tier: "Admin", priority: 10, subject: everyNamespace };

function decoded(spec: object, gates?: ReadonlySet<FeatureGate>): { policy: Policy | null; errors: readonly string[] } {
  const object = { metadata: { name: "p" }, spec: { ...base, ...spec } };
  const { policy, errors } = clusterNetworkPolicyKind.decode(object, gates);
  return { policy, errors: errors.map(fieldErrorText) };
}

const withProtocols = (...protocols: unknown[]) =>
  decoded({ ingress: [{ action: "Accept", from: [everyNamespace], protocols }] });

function portsOf(...protocols: unknown[]): readonly PortMatch[] | null | undefined {
  const { policy, errors } = withProtocols(...protocols);
  assert.deepEqual(errors, []);
  return policy?.ingress?.[0]?.ports;
}

describe("a ClusterNetworkPolicy", () => {
  it("says its tier itself", () => {
    const { policy, errors } = decoded({ tier: "Baseline", priority: 3 });
    assert.deepEqual(errors, []);
    assert.deepEqual(
      [policy?.id, policy?.tier, policy?.priority, policy?.ingress, policy?.egress],
      ["ClusterNetworkPolicy/p", "baseline", 3, null, null],
    );
    assert.equal(decoded({}).policy?.tier, "admin");
  });

  it("accepts, denies and passes; Allow is a word of v1alpha1", () => {
    const rules = ["Accept", "Deny", "Pass", "Allow"].map((action) => ({ action, to: [everyNamespace] }));
    const { policy, errors } = decoded({ egress: rules });
    assert.deepEqual(
      policy?.egress?.map(({ action, peers }) => [action, peers?.length ?? null]),
      [
        ["accept", 1],
        ["deny", 1],
        ["pass", 1],
        ["deny", null],
      ],
    );
    assert.deepEqual(errors, [
      'spec.egress[3].action: Unsupported value: "Allow": supported values: "Accept", "Deny", "Pass"',
    ]);
  });

  it("selects pods of every namespace where no namespaceSelector is there", () => {
    const selector = { podSelector: { matchLabels: { app: "web" } } };
    const expected = {
      namespaces: { kind: "selector", selector: everything },
      pods: selectorOf([{ operator: "In", key: "app", values: ["web"] }]),
    };
    const { policy, errors } = decoded({
      subject: { pods: selector },
      ingress: [{ action: "Deny", from: [{ pods: { ...selector, namespaceSelector: null } }] }],
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(policy?.subject, expected);
    assert.deepEqual(policy?.ingress?.[0]?.peers, [{ kind: "pods", selection: expected }]);
  });

  it("reads each form of protocol", () => {
    const number = { destinationPort: { number: 80 } };
    const range = { destinationPort: { range: { start: 1, end: 65535 } } };
    assert.deepEqual(portsOf({ tcp: number }, { udp: number }, { sctp: range }, { destinationNamedPort: "web" }), [
      { kind: "range", protocol: "TCP", from: 80, to: 80 },
      { kind: "range", protocol: "UDP", from: 80, to: 80 },
      { kind: "range", protocol: "SCTP", from: 1, to: 65535 },
      { kind: "named", name: "web", protocol: null },
    ]);
  });

  it("reports a range of one port, and reads it; one that runs backwards cannot be read", () => {
    const ascending = (index: number): string =>
      `spec.ingress[0].protocols[${index}].tcp.destinationPort.range: Invalid value: Start port must be less than End port`;
    const range = (start: number, end: number) => ({ tcp: { destinationPort: { range: { start, end } } } });
    const one = withProtocols(range(1, 2), range(80, 80));
    assert.deepEqual(one.errors, [ascending(1)]);
    assert.deepEqual(one.policy?.ingress?.[0]?.ports?.[1], { kind: "range", protocol: "TCP", from: 80, to: 80 });
    const backwards = withProtocols(range(81, 80));
    assert.deepEqual(backwards.errors, [ascending(0)]);
    assert.equal(backwards.policy?.ingress, null);
  });

  it("refuses protocols that say nothing, or that it does not know", () => {
    for (const [item, error] of [
      [
        {},
        "spec.ingress[0].protocols[0]: Invalid value: 0: spec.ingress[0].protocols[0] in body should have at least 1 properties",
      ],
      [
        { tcp: {} },
        "spec.ingress[0].protocols[0].tcp: Invalid value: 0: spec.ingress[0].protocols[0].tcp in body should have at least 1 properties",
      ],
      [{ icmp: {} }, "spec.ingress[0].protocols[0].icmp: unknown field"],
      [{ tcp: { sourcePort: 1 } }, "spec.ingress[0].protocols[0].tcp.sourcePort: unknown field"],
      [
        { destinationNamedPort: "No Port" },
        'spec.ingress[0].protocols[0].destinationNamedPort: Invalid value: "No Port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ] as const) {
      const { policy, errors } = withProtocols(item);
      assert.deepEqual(errors, [error]);
      assert.equal(policy?.ingress, null);
    }
  });

  it("has named ports whatever the gates, nodes and domain names only where theirs are open", () => {
    const rule = (to: object, protocols?: object[]) => ({ egress: [{ action: "Accept", to: [to], protocols }] });
    const none = new Set<FeatureGate>();
    assert.deepEqual(decoded(rule(everyNamespace, [{ destinationNamedPort: "web" }]), none).errors, []);
    assert.equal(decoded(rule({ nodes: {} }), none).errors.length, 1);
    assert.equal(decoded(rule({ domainNames: ["a.b"] }), none).errors.length, 1);
    assert.deepEqual(decoded(rule({ domainNames: ["a.b"] }), new Set<FeatureGate>(["DomainNames"])).errors, []);
  });
});
