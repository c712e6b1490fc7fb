import * as fc from "fast-check";
import type { ForwardedConnection } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Cluster } from "../../src/policy/cluster.ts";
import { clusterOf } from "../cluster-of.ts";
import { apiCluster, outsideAddresses, podAddresses } from "../random-cluster.ts";
import { orderedPolicy, portNumbers } from "../random-policy.ts";

/** A cluster in which every policy is in audit or not by a throw of dice. */
export const auditedCluster: fc.Arbitrary<Cluster> = fc
  .tuple(
    apiCluster,
    fc.array(orderedPolicy, { maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
  )
  .map(([objects, ordered, dice]) => {
    const read = clusterOf(objects);
    const policies = new Map([...read.policies, ...ordered].map((policy) => [policy.id, policy]));
    const withMode = [...policies.values()].map((policy, index) => {
      const mode = dice[index % dice.length] === true ? ("audit" as const) : ("enforce" as const);
      return { ...policy, mode };
    });
    return { objects: read.objects, policies: withMode };
  });

const addresses = [...podAddresses("node-1", 10), ...podAddresses("node-1", 200), ...outsideAddresses.slice(0, 3)];
const strangers = addresses.map((text) => parseAddress(text)).filter((address) => address !== null);

/** Between all that a Ruleset of node-1 knows, unknown addresses and outside hosts. */
export function* connectionsOf(ruleset: Ruleset): Iterable<ForwardedConnection> {
  const ends = [...ruleset.endpoints.keys(), ...strangers];
  const protocols: readonly Protocol[] = ["TCP", "UDP", "ICMP"];
  for (const client of ends) {
    for (const backend of ends) {
      if (familyOf(client) !== familyOf(backend) || client === backend) continue;
      for (const protocol of protocols) {
        for (const port of protocol === "ICMP" ? [0] : portNumbers) yield { client, backend, protocol, port };
      }
    }
  }
}
