/** What no decoder lets through, and the kernel cannot be asked, fails closed all the same. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { everything } from "../kube/selector.ts";
import { everyPod } from "../model/selection.ts";
import { addressSetOf } from "../net/address-set.ts";
import { parseCidr } from "../net/cidr.ts";
import { parseDomainPattern } from "../net/domain-name.ts";
import type { Clause, Direction, Peer, Policy, PolicyId, PortMatch } from "../policy/policy.ts";
import { lowerPart } from "./lower.ts";

const pods: Peer = { kind: "pods", selection: everyPod };
const nodes: Peer = { kind: "nodes", selector: everything };
const namesOf = (...patterns: readonly string[]): Peer => ({
  kind: "domains",
  patterns: patterns.map(parseDomainPattern).filter((one) => one !== null),
});
const web: PortMatch = { kind: "named", name: "web", protocol: null };
const https: PortMatch = { kind: "range", protocol: "TCP", from: 443, to: 443 };

function lowered(rule: Pick<Clause, "action" | "peers" | "ports">, direction: Direction = "egress") {
  const policy: Policy = {
    id: "ClusterNetworkPolicy/one" as PolicyId,
    kind: "ClusterNetworkPolicy",
    namespace: null,
    name: "one",
    tier: "admin",
    priority: 0,
    mode: "enforce",
    subject: everyPod,
    ingress: null,
    egress: null,
    [direction]: [{ rule: 0, ruleName: null, ...rule }],
  };
  return lowerPart(policy, direction, [{ name: "web", protocol: "TCP", port: 8080 }]);
}

const says = (part: ReturnType<typeof lowered>) => part?.clauses.map(({ action, match }) => [action, match]);
const denyAll = [["deny", { kind: "peers", peers: null, ports: null }]];

describe("names", () => {
  const peers = [pods, namesOf("example.org")];

  it("in a rule that does not accept deny everything of its direction", () => {
    for (const action of ["deny", "pass"] as const) {
      const part = lowered({ action, peers, ports: [https] });
      assert.deepEqual([says(part), part?.groups, part?.domainSets], [denyAll, [], []]);
    }
  });

  it("of who may come in let nobody in", () => {
    assert.deepEqual(says(lowered({ action: "accept", peers, ports: null }, "ingress")), []);
    assert.deepEqual(says(lowered({ action: "deny", peers, ports: null }, "ingress")), denyAll);
  });

  it("of all peers of a rule are one set, sorted, without doubles, named by that alone", () => {
    const first = lowered({
      action: "accept",
      peers: [namesOf("b.org", "a.org"), pods, namesOf("*.a.org")],
      ports: null,
    });
    const second = lowered({
      action: "accept",
      peers: [namesOf("*.a.org", "b.org", "A.org.", "a.org")],
      ports: [https],
    });
    assert.deepEqual(
      first?.domainSets.map(({ patterns }) => patterns),
      [["*.a.org", "a.org", "b.org"]],
    );
    assert.deepEqual(first.domainSets, second?.domainSets);
    const [clause] = second?.clauses ?? [];
    assert.deepEqual(clause?.match, {
      kind: "peers",
      peers: { groups: [], addresses: { v4: [], v6: [] }, domains: first.domainSets[0]?.name },
      ports: [{ protocol: "TCP", from: 443, to: 443 }],
    });
    assert.deepEqual(says(lowered({ action: "accept", peers: [namesOf()], ports: null })), [], "no name, nobody");
  });
});

describe("a named port", () => {
  it("beside nodes or names is no port of anybody's", () => {
    for (const peer of [nodes, namesOf("example.org")]) {
      const lists: readonly (readonly PortMatch[])[] = [[web], [web, https]];
      for (const ports of lists) {
        const part = lowered({ action: "accept", peers: [pods, peer], ports });
        assert.deepEqual([says(part), part?.pairSets], [[], []], peer.kind);
        assert.deepEqual(says(lowered({ action: "deny", peers: [pods, peer], ports })), denyAll, peer.kind);
        assert.deepEqual(says(lowered({ action: "pass", peers: [pods, peer], ports })), denyAll, peer.kind);
      }
    }
  });

  it("is looked up among the pods of selections and blocks", () => {
    const block: Peer = {
      kind: "block",
      addresses: addressSetOf([parseCidr("10.0.0.0/8")].filter((one) => one !== null)),
    };
    assert.equal(lowered({ action: "deny", peers: [pods, block], ports: [web] })?.pairSets.length, 6);
  });
});
