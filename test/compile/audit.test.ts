import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { CompileOptions } from "../../src/compile/options.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import type { Part } from "../../src/evaluate/decision.ts";
import { createEvaluator } from "../../src/evaluate/indexed.ts";
import { auditDifferences, isUnknown } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import type { Address } from "../../src/net/address.ts";
import type { Cluster } from "../../src/policy/cluster.ts";
import { networkPolicy, pod } from "../ask.ts";
import { clusterOf } from "../cluster-of.ts";
import { tries } from "../property.ts";
import { auditedCluster, connectionsOf } from "./audited-cluster.ts";
import { rulesetText } from "./ruleset-text.ts";

const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: null,
};

describe("policies in audit", () => {
  it("change nothing of what is enforced", () => {
    fc.assert(
      fc.property(auditedCluster, (cluster) => {
        const enforced = cluster.policies.filter(({ mode }) => mode === "enforce");
        const without = compileWhole({ ...cluster, policies: enforced }, options);
        const ruleset = compileWhole(cluster, options);
        const endpoints = [...ruleset.endpoints.values()].map(
          (one) => [one.address, { ...one, auditIngress: null, auditEgress: null }] as const,
        );
        const chains = [...ruleset.chains].filter(([, chain]) => chain.audited.length === 0);
        const used = new Set(without.groups.keys());
        const pairs = new Set(without.pairSets.keys());
        const stripped: Ruleset = {
          node: ruleset.node,
          endpoints: new Map(endpoints),
          chains: new Map(chains),
          groups: new Map([...ruleset.groups].filter(([name]) => used.has(name))),
          pairSets: new Map([...ruleset.pairSets].filter(([name]) => pairs.has(name))),
          domainSets: without.domainSets,
        };
        assert.equal(rulesetText(stripped), rulesetText(without));
        const auditing = [...ruleset.endpoints.values()].flatMap((one) => [one.auditIngress, one.auditEgress]);
        const named = new Set(auditing.filter((name) => name !== null));
        for (const [name, chain] of ruleset.chains) assert.equal(named.has(name), chain.audited.length > 0, name);
      }),
      tries(150),
    );
  });

  it("are told of exactly where the evaluator decides otherwise when they count", () => {
    let differences = 0;
    fc.assert(
      fc.property(auditedCluster, (cluster) => {
        const all = cluster.policies.map((policy) => ({ ...policy, mode: "enforce" as const }));
        const settings = { defaultVerdict: "accept", unknownPods: "drop" } as const;
        const now = createEvaluator(cluster, settings);
        const then = createEvaluator({ ...cluster, policies: all }, settings);
        const ruleset = compileWhole(cluster, options);
        // Whether it may send what it sends is its own node's business.
        const runsElsewhere = (client: Address) => !local.has(client) && !isUnknown(ruleset, client);
        const isLocal = (address: string): boolean =>
          [...ruleset.endpoints.values()].some(
            (one) => one.address === address && cluster.objects.some((object) => holds(object, one.pod)),
          );
        const local = new Set([...ruleset.endpoints.keys()].filter(isLocal));
        for (const one of connectionsOf(ruleset)) {
          const question = { ...one, source: one.client, destination: one.backend, sourceNode: null, domain: null };
          const [before, after] = [now.decide(question), then.decide(question)];
          const expected = (["egress", "ingress"] as const).flatMap((direction) => {
            const [is, would]: readonly Part[] = [before[direction], after[direction]];
            const isAsked = direction === "egress" || before.egress.verdict === "allow" || runsElsewhere(one.client);
            if (is?.verdict === would?.verdict || !local.has(direction === "egress" ? one.client : one.backend))
              return [];
            return isAsked ? [`${direction} ${would?.verdict === "allow" ? "accept" : "deny"}`] : [];
          });
          const found = auditDifferences(ruleset, one).map(({ direction, verdict }) => `${direction} ${verdict}`);
          differences += found.length;
          if (expected.join() !== found.join())
            assert.fail(`${JSON.stringify(one)}: ${found.join()}, not ${expected.join()}`);
        }
      }),
      tries(60),
    );
    assert.ok(differences > 100, `${differences} differences`);
  });

  it("of which none is reached, or which say nothing, give no chain to ask", () => {
    const audit = { annotations: { "portcullis.dev/mode": "audit" } };
    const web = pod("alpha/web", ["10.244.1.9"], { labels: { app: "web" }, spec: { nodeName: "node-1" } });
    const deny = networkPolicy("alpha/deny", { podSelector: {} });
    const watched = { ...deny, metadata: { ...deny["metadata"], name: "watched", ...audit } };
    const endpoint = (objects: readonly object[]) =>
      compileWhole(clusterOf(objects as never), options).endpoints.get("10.244.1.9" as never);
    assert.equal(endpoint([web, deny])?.auditIngress, null);
    assert.equal(endpoint([web, watched])?.ingress, null);
    assert.match(endpoint([web, watched])?.auditIngress ?? "", /^in-alpha\.watched-/);
    assert.equal(endpoint([web, watched])?.auditEgress, null);
    assert.notEqual(endpoint([web, watched, deny])?.auditIngress, endpoint([web, watched, deny])?.ingress);
  });
});

const holds = (object: Cluster["objects"][number], name: string): boolean =>
  object.kind === "Pod" && `${object.namespace}/${object.name}` === name && object.nodeName === "node-1";
