import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { everyPod } from "../model/selection.ts";
import type { Clause, Policy, PolicyId } from "../policy/policy.ts";
import { chainName, chainOf, comparePolicies, directionChains, subjectParts } from "./chain.ts";
import { lowerPart } from "./lower.ts";
import type { Part } from "./lower.ts";
import { noParts, tierParts } from "./part-list.ts";

const rule = (fields: Partial<Clause> = {}): Clause => ({
  rule: 0,
  ruleName: null,
  action: "accept",
  peers: null,
  ports: null,
  ...fields,
});

function policy(id: string, fields: Partial<Policy> = {}): Policy {
  const [kind = "", namespace = "", name = ""] = id.split("/");
  return {
    id: id as PolicyId,
    kind,
    namespace,
    name,
    tier: "networkpolicy",
    priority: 0,
    mode: "enforce",
    subject: everyPod,
    ingress: [rule()],
    egress: null,
    ...fields,
  };
}

const parts = (policies: readonly Policy[]) =>
  policies.map((one) => lowerPart(one, "ingress", [])).filter((part) => part !== null);

const chainParts = (direction: "ingress", made: readonly Part[], fallback: "accept" | "deny") =>
  directionChains(direction, subjectParts(direction, made), fallback).enforced;

function nameOf(...policies: readonly Policy[]): string | null {
  const made = chainParts("ingress", parts(policies), "accept");
  return made === null ? null : chainName(made);
}

describe("chains", () => {
  it("have one name for one content, and another for another policy, rule, action, tier or fallback", () => {
    const one = policy("NetworkPolicy/alpha/one");
    assert.equal(nameOf(one), nameOf({ ...one, priority: 7 }));
    const others = [
      policy("NetworkPolicy/alpha/two"),
      policy("OtherPolicy/alpha/one"),
      { ...one, ingress: [rule({ rule: 1 })] },
      { ...one, ingress: [rule(), rule({ rule: 1 })] },
      { ...one, ingress: [] },
      { ...one, tier: "admin" as const },
      { ...one, tier: "admin" as const, ingress: [rule({ action: "deny" })] },
      { ...one, tier: "baseline" as const },
    ];
    const names = [one, ...others].map((other) => nameOf(other));
    assert.equal(new Set(names).size, names.length);
    const deny = chainParts("ingress", [], "deny");
    assert.ok(deny !== null);
    assert.notEqual(chainName(deny), chainName({ ...deny, fallback: "accept" }));
    assert.notEqual(chainName(deny), chainName({ ...deny, direction: "egress" }));
  });

  it("do not mix up tiers: the same part is another chain in another place", () => {
    const [part] = parts([policy("NetworkPolicy/alpha/one")]);
    assert.ok(part !== undefined);
    const none = {
      direction: "ingress",
      admin: noParts,
      networkPolicy: null,
      baseline: noParts,
      fallback: "deny",
    } as const;
    const list = tierParts("ingress", "admin", [part]).enforced;
    const names = [
      chainName({ ...none, admin: list }),
      chainName({ ...none, networkPolicy: list }),
      chainName({ ...none, baseline: list }),
      chainName({ ...none, networkPolicy: noParts }),
      chainName(none),
    ];
    assert.equal(new Set(names).size, names.length);
  });

  it("say who isolates, by name, rules or not", () => {
    const policies = ["b", "a", "c"].map((name) => policy(`NetworkPolicy/alpha/${name}`, { ingress: [] }));
    const made = chainParts("ingress", parts(policies.sort(comparePolicies)), "accept");
    assert.ok(made !== null);
    const { isolatedBy, networkPolicy, fallback } = chainOf(chainName(made), made);
    assert.deepEqual(
      isolatedBy,
      ["a", "b", "c"].map((name) => `NetworkPolicy/alpha/${name}`),
    );
    assert.deepEqual([networkPolicy, fallback], [[], "deny"]);
  });

  it("ask admin policies by priority, before all others", () => {
    const policies = [
      policy("Baseline/-/a", { tier: "baseline" }),
      policy("NetworkPolicy/alpha/a"),
      policy("Admin/-/a", { tier: "admin", priority: 20 }),
      policy("Admin/-/b", { tier: "admin", priority: 3 }),
    ];
    assert.deepEqual(
      policies.sort(comparePolicies).map((one) => one.id),
      ["Admin/-/b", "Admin/-/a", "NetworkPolicy/alpha/a", "Baseline/-/a"],
    );
  });

  it("are not needed where nothing can be denied", () => {
    assert.equal(nameOf(policy("NetworkPolicy/alpha/one", { ingress: null })), null);
    assert.equal(nameOf(policy("Admin/-/one", { tier: "admin", ingress: [] })), null);
  });
});

describe("rules", () => {
  const ofPolicy = (clause: Clause, direction: "ingress" | "egress" = "ingress") =>
    lowerPart(policy("NetworkPolicy/alpha/one", { [direction]: [clause] }), direction, [
      { name: "web", protocol: "TCP", port: 8080 },
      { name: "web", protocol: "UDP", port: 53 },
      { name: "web", protocol: "TCP", port: 8081 },
    ]);

  it("that cannot match are left out", () => {
    assert.deepEqual(ofPolicy(rule({ peers: [] }))?.clauses, []);
    assert.deepEqual(ofPolicy(rule({ ports: [] }))?.clauses, []);
    assert.deepEqual(ofPolicy(rule({ ports: [{ kind: "named", name: "none", protocol: null }] }))?.clauses, []);
    assert.deepEqual(
      ofPolicy(rule({ peers: [], ports: [{ kind: "named", name: "web", protocol: null }] }), "egress")?.clauses,
      [],
    );
  });

  it("that name a port of the subject get its numbers, of the right protocol, all of them", () => {
    const portsOf = (protocol: "TCP" | "UDP" | null) => {
      const [clause] = ofPolicy(rule({ ports: [{ kind: "named", name: "web", protocol }] }))?.clauses ?? [];
      return clause?.match.kind === "peers" ? clause.match.ports : null;
    };
    const tcp = { protocol: "TCP", from: 8080, to: 8081 };
    const udp = { protocol: "UDP", from: 53, to: 53 };
    assert.deepEqual(portsOf("TCP"), [tcp]);
    assert.deepEqual(portsOf("UDP"), [udp]);
    assert.deepEqual(portsOf(null), [tcp, udp]);
  });

  it("of egress with a named port need a pair set for each peer, protocol and name", () => {
    const named = (name: string) => ({ kind: "named" as const, name, protocol: null });
    const part = ofPolicy(rule({ ports: [named("web"), named("dns")] }), "egress");
    assert.equal(new Set(part?.pairSets.map((set) => set.name)).size, 6);
    assert.deepEqual(
      part?.pairSets.map((set) => `${set.portName} ${set.protocol}`),
      ["web TCP", "web UDP", "web SCTP", "dns TCP", "dns UDP", "dns SCTP"],
    );
  });

  it("of egress with a named port and blocks look among the pods in the blocks", () => {
    const addresses = { v4: [{ low: 1n, high: 9n }], v6: [] };
    const ports = [{ kind: "named" as const, name: "web", protocol: "TCP" as const }];
    const part = ofPolicy(rule({ peers: [{ kind: "block", addresses }], ports }), "egress");
    assert.deepEqual(
      part?.pairSets.map((set) => [set.selection, set.within, set.portName, set.protocol]),
      [[everyPod, addresses, "web", "TCP"]],
    );
    assert.deepEqual(
      part.clauses.map((clause) => clause.match.kind),
      ["pairs"],
    );
  });
});
