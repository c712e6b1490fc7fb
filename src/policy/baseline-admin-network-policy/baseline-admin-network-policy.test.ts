import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { clusterNetworkPolicyKind } from "../cluster-network-policy/cluster-network-policy.ts";
import type { Policy, PolicyKind } from "../policy.ts";
import { compareInTier } from "../tier-order.ts";
import { baselineAdminNetworkPolicyKind } from "./baseline-admin-network-policy.ts";

const subject = { namespaces: {} };

function decoded(kind: PolicyKind, name: string, spec: object): { policy: Policy; errors: readonly string[] } {
  const { policy, errors } = kind.decode({ metadata: { name }, spec: { subject, ...spec } });
  assert.ok(policy !== null);
  return { policy, errors: errors.map(fieldErrorText) };
}

const baseline = (name: string, spec: object) => decoded(baselineAdminNetworkPolicyKind, name, spec);

describe("a BaselineAdminNetworkPolicy", () => {
  it("stands in the Baseline tier, after every policy that has a priority", () => {
    const { policy, errors } = baseline("default", { ingress: [{ action: "Deny", from: [subject] }] });
    assert.deepEqual(errors, []);
    assert.equal(policy.id, "BaselineAdminNetworkPolicy/default");
    assert.equal(policy.tier, "baseline");
    assert.deepEqual(
      policy.ingress?.map(({ action }) => action),
      ["deny"],
    );
    for (const priority of [1000, 2 ** 31 - 1]) {
      const cluster = decoded(clusterNetworkPolicyKind, "z", { tier: "Baseline", priority }).policy;
      assert.ok(compareInTier(cluster, policy) < 0);
    }
  });

  it("may only be called default; one of another name is reported and does not outrank it", () => {
    const { policy, errors } = baseline("a", { ingress: [{ action: "Allow", from: [subject] }] });
    assert.deepEqual(errors, [
      '<nil>: Invalid value: Only one baseline admin network policy with metadata.name="default" can be created in the cluster',
    ]);
    assert.equal(policy.ingress?.length, 1);
    assert.ok(compareInTier(baseline("default", {}).policy, policy) < 0);
  });

  it("knows no Pass, no domain names and no priority", () => {
    const pass = baseline("default", { ingress: [{ action: "Pass", from: [subject] }] });
    assert.deepEqual(pass.errors, [
      'spec.ingress[0].action: Unsupported value: "Pass": supported values: "Allow", "Deny"',
    ]);
    assert.deepEqual(pass.policy.ingress, [{ rule: 0, ruleName: null, action: "deny", peers: null, ports: null }]);
    const names = baseline("default", { egress: [{ action: "Allow", to: [{ domainNames: ["a.b"] }] }] });
    assert.deepEqual(names.errors, ["spec.egress[0].to[0].domainNames: unknown field"]);
    assert.equal(names.policy.egress, null);
    assert.deepEqual(baseline("default", { priority: 5 }).errors, ["spec.priority: unknown field"]);
  });

  it("has networks, nodes and named ports as AdminNetworkPolicy has them, and words of its own for what excludes them", () => {
    const to = [{ nodes: {} }, { networks: ["10.0.0.0/8"] }];
    assert.deepEqual(baseline("default", { egress: [{ action: "Deny", to }] }).errors, []);
    const { errors, policy } = baseline("default", { egress: [{ action: "Allow", to, ports: [{ namedPort: "a" }] }] });
    assert.deepEqual(errors, [
      "spec.egress[0]: Invalid value: networks/nodes peer cannot be set with namedPorts since there are no namedPorts for networks/nodes",
    ]);
    assert.equal(policy.egress, null);
  });
});
