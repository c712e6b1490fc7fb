import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../../kube/field-error.ts";
import { equalitySelector, everything } from "../../kube/selector.ts";
import { addressSetOf, addressSetToCidrs } from "../../net/address-set.ts";
import { formatCidr, parseCidr } from "../../net/cidr.ts";
import type { Clause, Peer, Policy } from "../policy.ts";
import { networkPolicyKind } from "./network-policy.ts";

/** The policy of a spec that must be free of errors. */
function policy(spec: unknown): Policy {
  const { policy: decoded, errors } = networkPolicyKind.decode({ metadata: { name: "p", namespace: "prod" }, spec });
  assert.deepEqual(errors.map(fieldErrorText), []);
  assert.ok(decoded !== null);
  return decoded;
}

/** The clause of the one ingress rule. */
function clause(rule: unknown): Clause {
  const first = policy({ ingress: [rule] }).ingress?.[0];
  assert.ok(first !== undefined);
  return first;
}

const any: Clause = { rule: 0, ruleName: null, action: "accept", peers: null, ports: null };

describe("peers of a NetworkPolicy's rule", () => {
  const peers = (...list: unknown[]): readonly Peer[] | null => clause({ from: list }).peers;
  const web = equalitySelector([["app", "web"]]);
  const podSelector = { matchLabels: { app: "web" } };

  it("are anybody when absent or empty", () => {
    for (const rule of [{}, null, { from: null, ports: null }, { from: [], ports: [] }])
      assert.deepEqual(clause(rule), any);
  });

  it("are pods of the policy's namespace, of selected namespaces, or both selectors at once", () => {
    const own = { kind: "name", name: "prod" };
    assert.deepEqual(peers({ podSelector }), [{ kind: "pods", selection: { namespaces: own, pods: web } }]);
    assert.deepEqual(peers({ podSelector: {} }), [{ kind: "pods", selection: { namespaces: own, pods: everything } }]);
    assert.deepEqual(peers({ namespaceSelector: {} }), [
      { kind: "pods", selection: { namespaces: { kind: "selector", selector: everything }, pods: everything } },
    ]);
    assert.deepEqual(peers({ namespaceSelector: podSelector, podSelector, ipBlock: null }), [
      { kind: "pods", selection: { namespaces: { kind: "selector", selector: web }, pods: web } },
    ]);
  });

  it("are blocks without their own exceptions, which cut no other peer", () => {
    const list = peers(
      { ipBlock: { cidr: "10.0.0.9/14", except: ["10.1.0.0/16", "10.2.0.0/15"] } },
      { ipBlock: { cidr: "10.1.0.0/16", except: null } },
      { ipBlock: { cidr: "::ffff:10.9.0.0/112" } },
    );
    const blocks = (list ?? []).map((peer) =>
      peer.kind === "block" ? addressSetToCidrs(peer.addresses).map(formatCidr) : peer.kind,
    );
    assert.deepEqual(blocks, [["10.0.0.0/16"], ["10.1.0.0/16"], ["10.9.0.0/16"]]);
  });

  it("cover all of a family when the block is the whole of it", () => {
    const whole = (text: string): Peer => {
      const cidr = parseCidr(text);
      assert.ok(cidr !== null);
      return { kind: "block", addresses: addressSetOf([cidr]) };
    };
    assert.deepEqual(peers({ ipBlock: { cidr: "::/0" } }, { ipBlock: { cidr: "0.0.0.0/0" } }), [
      whole("::/0"),
      whole("0.0.0.0/0"),
    ]);
  });

  it("stand in `to` for egress", () => {
    assert.deepEqual(policy({ egress: [{ to: [{ podSelector: {} }] }] }).egress?.[0]?.peers?.length, 1);
    assert.deepEqual(policy({ ingress: [{ to: [{ podSelector: {} }] }] }).ingress, [any]);
  });
});

describe("ports of a NetworkPolicy's rule", () => {
  it("are a number, a range, a name, or every port of the protocol; TCP if nothing is said", () => {
    const ports = [
      {},
      null,
      { protocol: "UDP" },
      { port: 80 },
      { port: 1, endPort: 65535, protocol: "SCTP" },
      { port: "http", protocol: "UDP" },
      { port: null, protocol: null, endPort: null },
      { port: 80, endPort: 80 },
    ];
    assert.deepEqual(clause({ ports }).ports, [
      { kind: "range", protocol: "TCP", from: 0, to: 65535 },
      { kind: "range", protocol: "TCP", from: 0, to: 65535 },
      { kind: "range", protocol: "UDP", from: 0, to: 65535 },
      { kind: "range", protocol: "TCP", from: 80, to: 80 },
      { kind: "range", protocol: "SCTP", from: 1, to: 65535 },
      { kind: "named", protocol: "UDP", name: "http" },
      { kind: "range", protocol: "TCP", from: 0, to: 65535 },
      { kind: "range", protocol: "TCP", from: 80, to: 80 },
    ]);
  });
});
