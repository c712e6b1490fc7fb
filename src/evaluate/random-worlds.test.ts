/** What random clusters hold is what properties are tried on: they must meet every kind of decision, often enough. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { clusterOf, readCluster } from "../../test/cluster-of.ts";
import { numbersFrom } from "../../test/differential/random-numbers.ts";
import { tries } from "../../test/property.ts";
import { apiCluster, nodeAddressesOf, nodeNames, outsideAddresses, podAddresses } from "../../test/random-cluster.ts";
import { domainNames, portNumbers } from "../../test/random-policy.ts";
import { apiTierPolicy, apiTierPolicyWithUnreadable } from "../../test/random-tier-policy.ts";
import type { Cluster } from "../policy/cluster.ts";
import type { Connection } from "./decision.ts";
import type { ExplainedPart } from "./explain.ts";
import { explain } from "./explain.ts";
import { createEvaluator } from "./indexed.ts";
import { readQuery } from "./query.ts";
import { createResolver } from "./resolve.ts";
import { evaluate } from "./reference.ts";
import { isLive } from "./standing.ts";

const seed = 1;
const clusters = 100;
const questionsEach = 60;

/** What a part of an answer is counted as. */
function kindsOf({ tier, verdict, decidedBy, passed }: ExplainedPart, to: Connection, isEgress: boolean): string[] {
  const isOrdered = decidedBy !== null && tier !== "networkpolicy";
  const toName = isEgress && isOrdered && to.domain !== null ? [`to a name ${verdict}`] : [];
  const toNode = isEgress && isOrdered && to.destination?.includes("192.168") === true ? [`to a node ${verdict}`] : [];
  const by = isOrdered ? [`by ${decidedBy.policy.split("/")[0] ?? ""}`] : [];
  return [`${tier} ${verdict}`, ...by, ...passed.map((one) => `passed to ${one.to}`), ...toName, ...toNode];
}

/** Answers about a cluster, each held against the reference. Some questions have none. */
function kindsIn(cluster: Cluster, below: (limit: number) => number): readonly (readonly string[])[] {
  const pods = cluster.objects.filter((object) => object.kind === "Pod").filter(isLive);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const podEnd = (): string => {
    const one = pick(pods);
    return `${one.namespace}/pod/${one.name}`;
  };
  const others = [
    ...outsideAddresses,
    ...nodeNames.flatMap(nodeAddressesOf),
    ...podAddresses("node-1", 250),
    ...domainNames.map((name) => `dns/${name}`),
  ];
  const resolver = createResolver(cluster, []);
  const evaluator = createEvaluator(cluster);
  return Array.from({ length: questionsEach }, () => {
    const [from, to] = [podEnd(), below(3) === 0 ? pick(others) : podEnd()];
    const query = readQuery({ from, to, protocol: pick(["TCP", "TCP", "UDP", "ICMP"]), port: pick(portNumbers) });
    const connection = "error" in query ? query : resolver.resolve(query);
    if ("error" in connection) return [];
    assert.deepEqual(evaluator.decide(connection), evaluate(cluster, connection));
    const { egress, ingress } = explain(cluster, connection);
    return [kindsOf(egress, connection, true), kindsOf(ingress, connection, false)];
  }).flat();
}

const wanted = [
  ["admin allow", "admin deny", "baseline allow", "baseline deny", "networkpolicy allow", "networkpolicy deny"],
  ["default allow", "default deny", "none allow", "none deny"],
  ["passed to networkpolicy", "passed to baseline", "passed to default"],
  ["to a name allow", "to a name deny", "to a node allow", "to a node deny"],
  ["by AdminNetworkPolicy", "by BaselineAdminNetworkPolicy", "by ClusterNetworkPolicy"],
].flat();

describe("random clusters", () => {
  it("meet every kind of decision", (context) => {
    const counts = new Map<string, number>();
    const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
    const below = numbersFrom(seed);
    let parts = 0;
    for (const objects of fc.sample(apiCluster, { seed, numRuns: clusters })) {
      const cluster = clusterOf(objects);
      if (!cluster.objects.some((object) => object.kind === "Pod" && isLive(object))) continue;
      for (const kinds of kindsIn(cluster, below)) {
        parts += 1;
        kinds.forEach(count);
      }
    }
    const shares = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    context.diagnostic(
      `seed ${seed}, ${parts} parts: ${shares.map(([what, n]) => `${what} ${((n / parts) * 100).toFixed(1)} %`).join(", ")}`,
    );
    for (const what of wanted) {
      assert.ok((counts.get(what) ?? 0) > parts / 1000, `${what}: ${counts.get(what) ?? 0} of ${parts}`);
    }
  });

  it("have policies of the tiers that decoders find nothing wrong with, and others that they do", () => {
    fc.assert(
      fc.property(apiTierPolicy, apiTierPolicyWithUnreadable, (valid, other) => {
        assert.deepEqual(readCluster([valid]).errors, []);
        const { cluster } = readCluster([other]);
        assert.equal(cluster.policies.length, 1);
      }),
      tries(300),
    );
    const broken = fc
      .sample(apiTierPolicyWithUnreadable, { seed, numRuns: 200 })
      .filter((policy) => readCluster([policy]).errors.length > 0);
    assert.ok(broken.length > 40 && broken.length < 190, `${broken.length} of 200 have errors`);
  });
});
