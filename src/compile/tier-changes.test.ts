/** Which changes of the ordered tiers can deny what was accepted, and so have open connections decided again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { namespace, node, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import { nameSelector } from "../kube/selector.ts";
import { parseDomainPattern } from "../net/domain-name.ts";
import { everyPod } from "../model/selection.ts";
import { keyOf } from "../kube/objects.ts";
import { equalitySelector, everything } from "../kube/selector.ts";
import type { Change } from "../policy/cluster.ts";
import type { Action, Clause, Peer, Policy, PolicyId } from "../policy/policy.ts";
import { createCompiler } from "./incremental.ts";

const pods = (app: string): Peer => ({
  kind: "pods",
  selection: { namespaces: { kind: "selector", selector: everything }, pods: equalitySelector([["app", app]]) },
});
const infra: Peer = { kind: "nodes", selector: equalitySelector([["role", "infra"]]) };
const names: Peer = { kind: "domains", patterns: [parseDomainPattern("*.example.org")].filter((one) => one !== null) };

const rule = (action: Action, ...peers: readonly Peer[]): Omit<Clause, "rule"> => ({
  ruleName: null,
  action,
  peers: peers.length === 0 ? null : peers,
  ports: null,
});

function policy(name: string, rules: readonly Omit<Clause, "rule">[], fields: Partial<Policy> = {}): Policy {
  return {
    id: `ClusterNetworkPolicy/${name}` as PolicyId,
    kind: "ClusterNetworkPolicy",
    namespace: null,
    name,
    tier: "admin",
    priority: 10,
    mode: "enforce",
    subject: everyPod,
    ingress: null,
    egress: rules.map((one, index) => ({ rule: index, ...one })),
    ...fields,
  };
}

const inAlpha = { namespaces: { kind: "selector", selector: nameSelector("alpha") }, pods: everything } as const;
const inBeta = { namespaces: { kind: "selector", selector: nameSelector("beta") }, pods: everything } as const;

function machine(name: string, address: string, role: string): ApiObject {
  const made = node(name, [address], name === "node-1" ? ["10.244.1.0/24"] : []);
  return { ...made, metadata: { ...made.metadata, labels: { role } } };
}

const { objects } = clusterOf([
  namespace("alpha"),
  machine("node-1", "192.168.50.1", "worker"),
  machine("node-2", "192.168.50.2", "infra"),
  pod("alpha/one", "10.244.1.9", { spec: { nodeName: "node-1", containers: [] } }),
]);

const set = (one: Policy): Change => ({ kind: "policy", policy: one });
const gone = (one: Policy): Change => ({ kind: "gone", key: keyOf(one) });
const read = (object: ApiObject): Change[] =>
  clusterOf([object]).objects.map((one) => ({ kind: "object", object: one }));

/** Whether the change can deny, where these policies are. */
function canDeny(policies: readonly Policy[], ...changes: readonly Change[]): boolean {
  const compiler = createCompiler({
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: null,
  });
  compiler.load({ objects, policies });
  return compiler.apply(changes).canDeny;
}

const allow = policy("allow", [rule("accept", pods("a"))], { priority: 10 });
const deny = policy("deny", [rule("deny", pods("b"))], { priority: 20 });
const pass = policy("pass", [rule("pass", pods("c"))], { priority: 30 });
const last = policy("last", [rule("deny")], { priority: 40 });

describe("policies of the admin tier", () => {
  it("that come can deny unless all they do is accept", () => {
    for (const [one, can] of [
      [allow, false],
      [deny, true],
      [pass, true],
    ] as const) {
      assert.equal(canDeny([last], set({ ...one, name: "new", id: "ClusterNetworkPolicy/new" as PolicyId })), can);
    }
    assert.equal(canDeny([], set(allow)), false, "where nothing is denied");
    assert.equal(canDeny([], set(pass)), false, "where nothing is denied");
  });

  it("that go can deny unless all they did is deny", () => {
    for (const [one, can] of [
      [allow, true],
      [deny, false],
      [pass, true],
    ] as const) {
      assert.equal(canDeny([allow, deny, pass, last], gone(one)), can, one.name);
    }
    assert.equal(canDeny([allow], gone(allow)), false, "where nothing is denied");
  });

  it("that come to do what is better or worse", () => {
    const actions = ["deny", "pass", "accept"] as const;
    for (const [was, before] of actions.entries()) {
      for (const [is, after] of actions.entries()) {
        const change = set(policy("one", [rule(after, pods("a"))]));
        assert.equal(
          canDeny([policy("one", [rule(before, pods("a"))]), last], change),
          is < was,
          `${before}, ${after}`,
        );
      }
    }
  });

  it("whose priority changes can deny where a deny or a pass goes before an accept", () => {
    assert.equal(canDeny([allow, deny, last], set({ ...deny, priority: 5 })), true);
    assert.equal(canDeny([allow, deny, last], set({ ...allow, priority: 25 })), true);
    assert.equal(canDeny([{ ...deny, priority: 5 }, allow, last], set(deny)), false);
    assert.equal(canDeny([allow, pass, last], set({ ...pass, priority: 5 })), true);
    const second = policy("second", [rule("accept", pods("d"))], { priority: 15 });
    assert.equal(canDeny([allow, second, deny, last], set({ ...second, priority: 5 })), false, "two that accept");
    assert.equal(canDeny([allow, deny, last], set({ ...deny, priority: 21 })), false, "nothing lies between");
  });

  it("whose subject changes can deny the pods that it selects from now on, or no longer", () => {
    assert.equal(canDeny([deny, last], set({ ...deny, subject: inBeta })), false);
    assert.equal(canDeny([{ ...deny, subject: inBeta }, last], set(deny)), true);
    assert.equal(canDeny([allow, last], set({ ...allow, subject: inBeta })), true);
    assert.equal(canDeny([{ ...allow, subject: inBeta }, last], set(allow)), false);
    assert.equal(canDeny([deny, last], set({ ...deny, subject: inAlpha })), false, "the same pods");
  });

  it("in audit deny nothing, whatever happens to them and to whom they name", () => {
    const audited = { ...deny, mode: "audit" } as const;
    const joins = read(pod("alpha/two", "10.244.2.9", { labels: { app: "b" } }));
    assert.equal(canDeny([deny], ...joins), true);
    assert.equal(canDeny([audited], ...joins), false);
    assert.equal(canDeny([audited], set({ ...audited, egress: [{ ...rule("deny"), rule: 0 }] })), false);
  });

  it("that pass from one tier to the other", () => {
    const open = policy("open", [rule("accept")], { tier: "networkpolicy", kind: "NetworkPolicy", namespace: "alpha" });
    assert.equal(canDeny([open, deny], set({ ...deny, tier: "baseline" })), false);
    assert.equal(canDeny([open, { ...deny, tier: "baseline" }], set(deny)), true);
  });
});

describe("the nodes of a group", () => {
  const coming = read(machine("node-3", "192.168.50.3", "infra"));
  const going = read(machine("node-2", "192.168.50.2", "worker"));
  const moving = read(machine("node-2", "192.168.50.9", "infra"));

  it("can deny what is accepted to them when they leave, and what is denied to them when they come", () => {
    for (const [action, comes, leaves] of [
      ["accept", false, true],
      ["deny", true, true],
      ["pass", true, true],
    ] as const) {
      const policies: readonly Policy[] = [policy("one", [rule(action, infra)]), last];
      assert.equal(canDeny(policies, ...coming), comes, `${action} comes`);
      assert.equal(canDeny(policies, ...going), leaves, `${action} leaves`);
      assert.equal(canDeny(policies, ...moving), true, `${action} moves`);
    }
  });

  it("go on having an address that another of them has too", () => {
    const twin = read(machine("node-3", "192.168.50.2", "infra"));
    const compiler = createCompiler({
      nodeName: "node-1",
      podCidrs: null,
      unknownPods: "drop",
      established: "cut",
      defaultVerdict: "accept",
      logGroup: null,
    });
    compiler.load({ objects, policies: [policy("one", [rule("accept", infra)]), last] });
    const members = () => [...compiler.ruleset().groups.values()].map((group) => [...group.members]).flat();
    assert.deepEqual(compiler.apply(twin).groups, []);
    assert.deepEqual([compiler.apply(going).groups, members()], [[], ["192.168.50.2"]]);
    const left = compiler.apply([{ kind: "gone", key: keyOf({ kind: "Node", name: "node-3" }) }]);
    assert.deepEqual(
      left.groups.map(({ join, leave }) => [join, leave]),
      [[[], ["192.168.50.2"]]],
    );
    assert.deepEqual([left.canDeny, members()], [true, []]);
  });
});

describe("names", () => {
  const open = policy("names", [rule("accept", names)]);

  it("that go can deny, that come cannot", () => {
    assert.equal(canDeny([open, last], gone(open)), true);
    assert.equal(canDeny([last], set(open)), false);
    assert.equal(canDeny([open, last], set(policy("names", [rule("accept", pods("a"))]))), true);
    const others: Peer = {
      kind: "domains",
      patterns: [parseDomainPattern("example.net")].filter((one) => one !== null),
    };
    assert.equal(canDeny([open, last], set(policy("names", [rule("accept", others)]))), true);
    assert.equal(canDeny([open, last], set(policy("names", [rule("accept", others), rule("accept", names)]))), false);
  });

  it("are one set for equal lists, kept while a chain needs it", () => {
    const compiler = createCompiler({
      nodeName: "node-1",
      podCidrs: null,
      unknownPods: "drop",
      established: "cut",
      defaultVerdict: "accept",
      logGroup: null,
    });
    compiler.load({ objects, policies: [open] });
    const [first] = compiler.ruleset().domainSets.values();
    assert.match(first?.name ?? "", /^d-any\.example\.org-[a-z2-7]{16}$/);
    const second = compiler.apply([set(policy("other", [rule("accept", names)]))]);
    assert.deepEqual([second.newDomainSets, second.goneDomainSets], [[], []]);
    assert.deepEqual(compiler.apply([gone(open)]).goneDomainSets, []);
    assert.deepEqual(compiler.apply([gone(policy("other", []))]).goneDomainSets, [first?.name]);
  });
});
