import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { compileWhole } from "../../src/compile/whole.ts";
import { createEvaluator } from "../../src/evaluate/indexed.ts";
import type { ForwardedConnection } from "../../src/ir/decide.ts";
import { decide } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { everyPod } from "../../src/model/selection.ts";
import { addressSetContains } from "../../src/net/address-set.ts";
import type { Address } from "../../src/net/address.ts";
import { familyBits, familyOf, parseAddress } from "../../src/net/address.ts";
import type { DomainName } from "../../src/net/domain-name.ts";
import { domainMatches, parseDomainName, parseDomainPattern } from "../../src/net/domain-name.ts";
import type { Policy, PolicyId } from "../../src/policy/policy.ts";
import { clusterOf } from "../cluster-of.ts";
import { tries } from "../property.ts";
import { apiCluster } from "../random-cluster.ts";
import { domainNames, domainPatterns, orderedPolicy } from "../random-policy.ts";

/** Hosts outside that have the names that are asked about, and nothing else to do with the cluster. */
const hosts = ["192.0.2.77", "2001:db8:8000::77"].map(parseAddress).filter((one) => one !== null);
const names = domainNames.map(parseDomainName).filter((one) => one !== null);

/** Where blocks hold the host, but not all hosts, its name alone does not tell what they say. */
function isAskable(policies: readonly Policy[], host: Address): boolean {
  const most = (1n << BigInt(familyBits(familyOf(host)))) - 1n;
  const peers = policies.flatMap(({ egress }) => (egress ?? []).flatMap((rule) => rule.peers ?? []));
  return peers.every((peer) => {
    if (peer.kind !== "block" || !addressSetContains(peer.addresses, host)) return true;
    const [first] = familyOf(host) === 4 ? peer.addresses.v4 : peer.addresses.v6;
    return first?.low === 0n && first.high === most;
  });
}

/** From each pod whose egress is decided here to each host that may be asked about. */
function connectionsOf(ruleset: Ruleset, policies: readonly Policy[]): readonly ForwardedConnection[] {
  const clients = [...ruleset.endpoints.values()].filter(({ egress }) => egress !== null);
  return hosts
    .filter((host) => isAskable(policies, host))
    .flatMap((backend) =>
      clients
        .filter(({ address }) => familyOf(address) === familyOf(backend))
        .flatMap(({ address }) =>
          [53, 443].map((port) => ({ client: address, backend, protocol: "TCP" as const, port })),
        ),
    );
}

/** The host has this name, and that was learned. */
function learnedOf({ domainSets }: Ruleset, domain: DomainName, host: Address) {
  const sets = [...domainSets.values()].filter(({ patterns }) => patterns.some((one) => domainMatches(one, domain)));
  return new Map(sets.map(({ name }) => [name, new Set([host])]));
}

/** Lets every pod go to some names, at some place among the others. */
const openToNames: fc.Arbitrary<Policy> = fc
  .record({
    patterns: fc.subarray(domainPatterns.map(parseDomainPattern).filter((one) => one !== null)),
    priority: fc.nat(2),
    tier: fc.constantFrom("admin" as const, "baseline" as const),
  })
  .map(({ patterns, ...place }) => {
    const peers = [{ kind: "domains" as const, patterns }];
    const egress = [{ rule: 0, ruleName: null, action: "accept" as const, peers, ports: null }];
    const about = {
      kind: "ClusterNetworkPolicy",
      namespace: null,
      name: "names",
      mode: "enforce",
      ingress: null,
    } as const;
    return { ...about, ...place, id: "ClusterNetworkPolicy/names" as PolicyId, subject: everyPod, egress };
  });

it("names are decided as the evaluator decides them, where their addresses were learned", () => {
  let byName = 0;
  fc.assert(
    fc.property(
      apiCluster,
      fc.array(orderedPolicy, { minLength: 1, maxLength: 4 }),
      openToNames,
      fc.constantFrom("accept" as const, "deny" as const),
      (objects, ordered, open, defaultVerdict) => {
        const read = clusterOf(objects);
        const policies = [
          ...new Map([...read.policies, ...ordered, open].map((policy) => [policy.id, policy])).values(),
        ];
        const cluster = { objects: read.objects, policies };
        const settings = { defaultVerdict, unknownPods: "drop" } as const;
        const evaluator = createEvaluator(cluster, settings);
        const rest = { podCidrs: null, established: "cut", logGroup: null } as const;
        const ruleset = compileWhole(cluster, { ...settings, ...rest, nodeName: "node-1" });
        for (const one of connectionsOf(ruleset, policies)) {
          for (const domain of names) {
            const { client, protocol, port } = one;
            const question = { source: client, protocol, port, sourceNode: null, destination: null, domain } as const;
            const accepted = decide(ruleset, one, learnedOf(ruleset, domain, one.backend)) === "accept";
            if (accepted && decide(ruleset, one) === "deny") byName += 1;
            if (accepted === (evaluator.decide(question).verdict === "allow")) continue;
            assert.fail(`${domain}, ${JSON.stringify(one)} is ${accepted ? "accepted" : "denied"}`);
          }
        }
      },
    ),
    tries(200),
  );
  assert.ok(byName > 300, `${byName} connections were accepted by name`);
});
