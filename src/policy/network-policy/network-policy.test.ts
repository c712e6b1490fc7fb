import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { everything, selectorOf } from "../../kube/selector.ts";
import { policyKindFor } from "../kinds.ts";
import type { Clause, Policy } from "../policy.ts";
import { networkPolicyKind } from "./network-policy.ts";

/** The policy of a spec that must be free of errors. */
function policy(spec: unknown): Policy {
  const { policy: decoded, errors } = networkPolicyKind.decode({ metadata: { name: "p", namespace: "prod" }, spec });
  assert.deepEqual(errors.map(fieldErrorText), []);
  assert.ok(decoded !== null);
  return decoded;
}

const any: Clause = { rule: 0, ruleName: null, action: "accept", peers: null, ports: null };

describe("the subject and directions of a NetworkPolicy", () => {
  it("are all pods of its namespace and Ingress if nothing is said", () => {
    for (const spec of [
      undefined,
      null,
      {},
      { podSelector: null },
      { podSelector: {}, policyTypes: [] },
      { policyTypes: null, ingress: null, egress: null },
      { egress: [] },
    ]) {
      assert.deepEqual(policy(spec), {
        id: "NetworkPolicy/prod/p",
        kind: "NetworkPolicy",
        namespace: "prod",
        name: "p",
        tier: "networkpolicy",
        priority: 0,
        mode: "enforce",
        subject: { namespaces: { kind: "name", name: "prod" }, pods: everything },
        ingress: [],
        egress: null,
      });
    }
  });

  it("are picked by labels and expressions, all of them", () => {
    const podSelector = {
      matchLabels: { a: "1" },
      matchExpressions: [
        { key: "b", operator: "NotIn", values: ["x"] },
        { key: "c", operator: "Exists" },
        { key: "d", operator: "DoesNotExist", values: [] },
        { key: "e", operator: "In", values: ["y", ""] },
      ],
    };
    assert.deepEqual(
      policy({ podSelector }).subject.pods,
      selectorOf([
        { operator: "In", key: "a", values: ["1"] },
        { operator: "NotIn", key: "b", values: ["x"] },
        { operator: "Exists", key: "c" },
        { operator: "DoesNotExist", key: "d" },
        { operator: "In", key: "e", values: ["", "y"] },
      ]),
    );
  });

  it("include Egress without policyTypes when there are egress rules", () => {
    assert.deepEqual(policy({ egress: [{}] }).egress, [any]);
    assert.deepEqual(policy({ egress: [{}] }).ingress, []);
  });

  it("are exactly the policyTypes, whatever rules there are", () => {
    const rules = { ingress: [{}], egress: [{}] };
    const spoken = (policyTypes: string[]): [boolean, boolean] => {
      const { ingress, egress } = policy({ ...rules, policyTypes });
      return [ingress !== null, egress !== null];
    };
    assert.deepEqual(spoken(["Ingress"]), [true, false]);
    assert.deepEqual(spoken(["Egress"]), [false, true]);
    assert.deepEqual(spoken(["Egress", "Ingress"]), [true, true]);
    assert.deepEqual(spoken(["Egress", "Egress"]), [false, true]);
    assert.deepEqual(policy({ policyTypes: ["Egress"] }).egress, []);
  });
});

describe("the mode of a NetworkPolicy", () => {
  const mode = (extra: object): string | undefined =>
    networkPolicyKind.decode({ metadata: { name: "p", namespace: "prod", ...extra } }).policy?.mode;
  const audit = { "portcullis.dev/mode": "audit" };

  it("is audit if its label or its annotation says so, and else enforce", () => {
    assert.equal(mode({}), "enforce");
    assert.equal(mode({ labels: audit }), "audit");
    assert.equal(mode({ annotations: audit }), "audit");
    assert.equal(mode({ labels: audit, annotations: { "portcullis.dev/mode": "enforce" } }), "audit");
    assert.equal(mode({ labels: { "portcullis.dev/mode": "enforce" } }), "enforce");
    assert.equal(mode({ annotations: { "portcullis.dev/mode": "Audit" } }), "enforce");
    assert.equal(mode({ annotations: "x", labels: [] }), "enforce");
  });
});

describe("the registry of policy kinds", () => {
  it("knows NetworkPolicy by its group", () => {
    assert.equal(policyKindFor("networking.k8s.io/v1", "NetworkPolicy"), networkPolicyKind);
    assert.equal(policyKindFor("crd.projectcalico.org/v1", "NetworkPolicy"), null);
    assert.equal(policyKindFor("networking.k8s.io/v1", "Ingress"), null);
  });
});
