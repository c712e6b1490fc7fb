import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { compileWhole } from "../../src/compile/whole.ts";
import { evaluate } from "../../src/evaluate/reference.ts";
import { decide } from "../../src/ir/decide.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { clusterOf } from "../cluster-of.ts";
import { tries } from "../property.ts";
import { apiCluster, nodeAddressesOf, nodeNames, outsideAddresses, podAddresses } from "../random-cluster.ts";
import { orderedPolicy, portNumbers } from "../random-policy.ts";

const numbers = [8, 9, 10, 11, 12, 13, 14, 15, 1, 200];
const podSide = nodeNames.flatMap((name) => numbers.flatMap((number) => podAddresses(name, number)));
const nodeSide = nodeNames.flatMap((name) => nodeAddressesOf(name));
const parsed = (texts: readonly string[]) => texts.map((text) => parseAddress(text)).filter((one) => one !== null);

// What the node itself sends is not forwarded, so no client is a node.
const client = fc.constantFrom(...parsed([...podSide, ...outsideAddresses]));
const backend = fc.constantFrom(...parsed([...podSide, ...podSide, ...outsideAddresses, ...nodeSide]));
const protocol = fc.constantFrom<Protocol>("TCP", "TCP", "TCP", "UDP", "SCTP", "ICMP", "other");
const connection = fc.record({ client, backend, protocol, port: fc.constantFrom(...portNumbers, 9100) });

const byId = (policies: readonly Policy[]): Policy[] => [
  ...new Map(policies.map((policy) => [policy.id, policy])).values(),
];

it("the Rulesets of all nodes together decide as the reference evaluator", () => {
  fc.assert(
    fc.property(
      apiCluster,
      fc.array(orderedPolicy, { maxLength: 3 }),
      fc.array(connection, { minLength: 40, maxLength: 60 }),
      fc.constantFrom("drop" as const, "accept" as const),
      fc.constantFrom("accept" as const, "accept" as const, "deny" as const),
      (objects, ordered, asked, unknownPods, defaultVerdict) => {
        const read = clusterOf(objects);
        const cluster = { objects: read.objects, policies: [...read.policies, ...byId(ordered)] };
        const rulesets = nodeNames.map((nodeName) =>
          compileWhole(cluster, { nodeName, podCidrs: null, unknownPods, established: "cut", defaultVerdict }),
        );
        for (const one of asked) {
          if (familyOf(one.client) !== familyOf(one.backend)) continue;
          const question = { ...one, source: one.client, destination: one.backend, sourceNode: null };
          const expected = evaluate(cluster, question, { defaultVerdict, unknownPods }).verdict;
          const accepted = rulesets.every((ruleset) => decide(ruleset, one) === "accept");
          assert.equal(accepted ? "allow" : "deny", expected, JSON.stringify(one));
        }
      },
    ),
    tries(150),
  );
});
