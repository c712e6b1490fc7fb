import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { compileWhole } from "../../src/compile/whole.ts";
import { createEvaluator } from "../../src/evaluate/indexed.ts";
import type { Part } from "../../src/evaluate/decision.ts";
import type { ForwardedConnection } from "../../src/ir/decide.ts";
import { decide } from "../../src/ir/decide.ts";
import { createModel } from "../../src/model/model.ts";
import { isLive } from "../../src/model/pod-standing.ts";
import type { Address } from "../../src/net/address.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Cluster } from "../../src/policy/cluster.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { clusterOf } from "../cluster-of.ts";
import { tries } from "../property.ts";
import {
  apiCluster,
  nodeAddressesInRange,
  nodeAddressesOf,
  nodeNames,
  outsideAddresses,
  podAddresses,
} from "../random-cluster.ts";
import { orderedPolicy, portNumbers } from "../random-policy.ts";

const parsed = (texts: readonly string[]) => texts.map((text) => parseAddress(text)).filter((one) => one !== null);

/** Unknown addresses, a gateway, outside hosts. */
const strangers = parsed([...podAddresses("node-1", 200), ...podAddresses("node-2", 1), ...outsideAddresses]);
const nodeSide = parsed(nodeNames.flatMap((name) => [...nodeAddressesOf(name), ...nodeAddressesInRange(name)]));
const protocols: readonly Protocol[] = ["TCP", "UDP", "SCTP", "ICMP", "other"];

function* connectionsIn(cluster: Cluster): Iterable<ForwardedConnection> {
  const pods = cluster.objects.flatMap((object) => (object.kind === "Pod" && isLive(object) ? object.addresses : []));
  for (const client of [...pods, ...strangers]) {
    // What the node itself sends is not forwarded, so no client is a node.
    for (const backend of [...pods, ...strangers, ...nodeSide]) {
      if (familyOf(client) !== familyOf(backend)) continue;
      for (const protocol of protocols) {
        const ports = protocol === "ICMP" || protocol === "other" ? [0] : [...portNumbers, 9100];
        for (const port of ports) yield { client, backend, protocol, port };
      }
    }
  }
}

/** Whether a direction accepts: as the evaluator says, but for pods of exempt namespaces, which are no subjects. */
function acceptsWithout(exempt: ReadonlySet<string>, cluster: Cluster) {
  const model = createModel();
  for (const object of cluster.objects) model.apply({ kind: "object", object });
  return (subject: Address, part: Part): boolean => {
    const namespace = model.holder(subject)?.podClass.namespace.name;
    return part.verdict === "allow" || (namespace !== undefined && exempt.has(namespace));
  };
}

const byId = (policies: readonly Policy[]): Policy[] => [
  ...new Map(policies.map((policy) => [policy.id, policy])).values(),
];

it("the Rulesets of all nodes together decide every connection as the evaluator", () => {
  fc.assert(
    fc.property(
      apiCluster,
      fc.array(orderedPolicy, { maxLength: 4 }),
      fc.constantFrom("drop" as const, "accept" as const),
      fc.constantFrom("accept" as const, "accept" as const, "deny" as const),
      fc.constantFrom<ReadonlySet<string>>(new Set(), new Set(), new Set(["beta"]), new Set(["alpha", "nowhere"])),
      (objects, ordered, unknownPods, defaultVerdict, exemptNamespaces) => {
        const read = clusterOf(objects);
        const cluster = { objects: read.objects, policies: byId([...read.policies, ...ordered]) };
        const rulesets = nodeNames.map((nodeName) =>
          compileWhole(cluster, {
            nodeName,
            podCidrs: null,
            unknownPods,
            established: "cut",
            defaultVerdict,
            logGroup: null,
            exemptNamespaces,
          }),
        );
        const evaluator = createEvaluator(cluster, { defaultVerdict, unknownPods });
        const accepts = acceptsWithout(exemptNamespaces, cluster);
        for (const one of connectionsIn(cluster)) {
          const question = { ...one, source: one.client, destination: one.backend, sourceNode: null, domain: null };
          const accepted = rulesets.every((ruleset) => decide(ruleset, one) === "accept");
          // No message is made where all is well: there are many connections.
          const { egress, ingress } = evaluator.decide(question);
          if ((accepts(one.client, egress) && accepts(one.backend, ingress)) === accepted) continue;
          assert.fail(`${JSON.stringify(one)} is ${accepted ? "accepted" : "denied"}`);
        }
      },
    ),
    tries(150),
  );
});
