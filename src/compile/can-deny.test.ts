import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { clusterOf } from "../../test/cluster-of.ts";
import { tries } from "../../test/property.ts";
import { podAddresses } from "../../test/random-cluster.ts";
import { apiNetworkPolicy, namespaceNames, orderedPolicy } from "../../test/random-policy.ts";
import { decide } from "../ir/decide.ts";
import { noChains } from "../ir/ruleset.ts";
import type { Chain, ChainName, Ruleset } from "../ir/ruleset.ts";
import { internLabels } from "../kube/labels.ts";
import { selectsPods } from "../model/selection.ts";
import type { Address } from "../net/address.ts";
import { parseAddress } from "../net/address.ts";
import type { Protocol } from "../net/protocol.ts";
import type { Action, Policy } from "../policy/policy.ts";
import { acceptsAtLeast } from "./can-deny.ts";
import type { ChainParts } from "./chain.ts";
import { chainName, chainOf, directionChains, subjectParts, comparePolicies, partsOf } from "./chain.ts";
import { lowerPart } from "./lower.ts";

const peers = namespaceNames.flatMap((name, index) =>
  [{}, { app: "a" }, { app: "b", tier: "a" }, { role: "c" }].map((labels, at) => ({
    address: parseAddress(podAddresses("node-1", 10 * (index + 1) + at)[0]),
    namespace: { name, labels: internLabels({ "kubernetes.io/metadata.name": name, tier: "a" }) },
    labels: internLabels(labels),
  })),
);

function partsFor(policies: readonly Policy[], fallback: "accept" | "deny"): ChainParts | null {
  const lowered = [...policies].sort(comparePolicies).map((policy) => lowerPart(policy, "ingress", []));
  const parts = lowered.filter((part) => part !== null);
  return directionChains("ingress", subjectParts("ingress", parts), fallback).enforced;
}

const subject = "172.16.0.1" as Address;

/** A Ruleset with one pod, whose ingress is this chain. */
function rulesetOf(parts: ChainParts | null): Ruleset {
  const name = parts === null ? null : chainName(parts);
  const groups = parts === null ? [] : partsOf(parts).flatMap((part) => part.groups);
  const members = groups.map((group) => {
    const { picks } = group;
    const picked = peers.filter(
      (peer) => picks.kind === "pods" && selectsPods(picks.selection, peer.namespace, peer.labels),
    );
    return { ...group, members: new Set(picked.map((peer) => peer.address).filter((one) => one !== null)) };
  });
  const chains: [ChainName, Chain][] = name === null || parts === null ? [] : [[name, chainOf(name, parts)]];
  return {
    node: {
      name: "node-1",
      ranges: [],
      gateways: [],
      unknownPods: "drop",
      established: "cut",
      logGroup: null,
      names: null,
    },
    endpoints: new Map([[subject, { address: subject, pod: "alpha/subject", ...noChains, ingress: name }]]),
    chains: new Map(chains),
    groups: new Map(members.map((group) => [group.name, group])),
    pairSets: new Map(),
    domainSets: new Map(),
  };
}

const kinds: readonly (readonly [Protocol, number])[] = [
  ["TCP", 80],
  ["TCP", 8080],
  ["UDP", 53],
  ["SCTP", 9001],
  ["ICMP", 0],
];

function accepted(parts: ChainParts | null): ReadonlySet<string> {
  const ruleset = rulesetOf(parts);
  const found = new Set<string>();
  for (const { address } of [...peers, { address: "203.0.113.9" as Address }]) {
    for (const [protocol, port] of address === null ? [] : kinds) {
      const connection = { client: address!, backend: subject, protocol, port };
      if (decide(ruleset, connection) === "accept") found.add(JSON.stringify(connection));
    }
  }
  return found;
}

const networkPolicies = apiNetworkPolicy.map((object) => clusterOf([object]).policies).map(([policy]) => policy);
const fallback = fc.constantFrom("accept" as const, "deny" as const);
const which = fc.constantFrom("before", "after", "both", "both", "both");

/** What becomes of a policy of an ordered tier: another place in it, another action of a rule. */
const edit = fc.record({
  priority: fc.option(fc.nat(2)),
  action: fc.option(fc.constantFrom<Action>("accept", "deny", "pass")),
});

function edited(policy: Policy, by: (typeof edit extends fc.Arbitrary<infer T> ? T : never) | undefined): Policy {
  if (by === undefined || policy.tier === "networkpolicy") return policy;
  const [first, ...rest] = policy.ingress ?? [];
  const ingress =
    first === undefined || by.action === null ? policy.ingress : [{ ...first, action: by.action }, ...rest];
  return { ...policy, priority: by.priority ?? policy.priority, ingress };
}

it("says yes only where all that was accepted still is", () => {
  let yes = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(networkPolicies, which), { maxLength: 3 }),
      fc.array(fc.tuple(orderedPolicy, which), { maxLength: 4 }),
      fc.array(edit, { maxLength: 4 }),
      fallback,
      fallback,
      (united, ordered, edits, fallbackBefore, fallbackAfter) => {
        const policies = [...united, ...ordered];
        const on = (side: string) =>
          policies.flatMap(([policy, at]) => (policy !== undefined && (at === side || at === "both") ? [policy] : []));
        const before = partsFor(on("before"), fallbackBefore);
        const after = partsFor(
          on("after").map((policy, index) => edited(policy, edits[index])),
          fallbackAfter,
        );
        if (!acceptsAtLeast(after, before)) return;
        yes += 1;
        const still = accepted(after);
        for (const connection of accepted(before)) assert.ok(still.has(connection), connection);
      },
    ),
    tries(1500),
  );
  assert.ok(yes > 100, "it is not always no");
});

it("knows a policy that allows the same and more from one that allows less", () => {
  const rules = [80, 443, 53].map((port, rule) => ({
    rule,
    ruleName: null,
    action: "accept" as const,
    peers: null,
    ports: [{ kind: "range" as const, protocol: "TCP" as const, from: port, to: port }],
  }));
  const [base] = clusterOf([
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "one", namespace: "alpha" },
      spec: {},
    },
  ]).policies;
  assert.ok(base !== undefined);
  const allowing = (...ports: number[]) =>
    partsFor([{ ...base, ingress: ports.flatMap((at) => rules[at] ?? []) }], "accept");
  assert.ok(acceptsAtLeast(allowing(0, 1, 2), allowing(0, 2)));
  assert.ok(!acceptsAtLeast(allowing(0, 2), allowing(0, 1, 2)));
  assert.ok(!acceptsAtLeast(allowing(0), null));
  assert.ok(acceptsAtLeast(null, allowing(0)));
});
