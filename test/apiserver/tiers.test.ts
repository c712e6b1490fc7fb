/** Policies with tiers in a running cluster: what agents make of them, with real packets. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AgentStatus } from "../../src/agent/status/agent-status.ts";
import { namespace, networkPolicy } from "../ask.ts";
import type { Identity } from "./api.ts";
import { whySkipped } from "./available.ts";
import { until } from "./process.ts";
import { denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";
import { definitionOf, installTiers, servedTiers, tierPolicyKinds } from "./tiers.ts";

const patience = 60_000;
const named = (name: string): object => ({ namespaces: { matchLabels: { "kubernetes.io/metadata.name": name } } });
const v1alpha1 = "policy.networking.k8s.io/v1alpha1";

function admin(name: string, priority: number, spec: object) {
  return { apiVersion: v1alpha1, kind: "AdminNetworkPolicy", metadata: { name }, spec: { priority, ...spec } };
}

function baseline(spec: object) {
  return { apiVersion: v1alpha1, kind: "BaselineAdminNetworkPolicy", metadata: { name: "default" }, spec };
}

function cluster(name: string, tier: string, priority: number, spec: object) {
  const apiVersion = "policy.networking.k8s.io/v1alpha2";
  return { apiVersion, kind: "ClusterNetworkPolicy", metadata: { name }, spec: { tier, priority, ...spec } };
}

const port80 = [{ portNumber: { protocol: "TCP", port: 80 } }];
const denyFromX = { subject: named("y"), ingress: [{ action: "Deny", from: [named("x")] }] };
const allow80FromX = { subject: named("y"), ingress: [{ action: "Allow", from: [named("x")], ports: port80 }] };

describe("policies with tiers in a cluster", { skip: whySkipped() }, () => {
  let site: Site;
  const change = async (...objects: readonly object[]): Promise<void> => {
    await site.apply(...objects);
    await site.settle();
  };
  const remove = async (...objects: readonly Identity[]): Promise<void> => {
    for (const object of objects) await site.api.remove(object);
    await site.settle();
  };
  const pods = ["x/a y/b TCP/80", "x/a y/b TCP/8080"] as const;
  const meets = (first: "allow" | "deny", second: "allow" | "deny") =>
    site.expect({ [pods[0]]: first, [pods[1]]: second });
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"] });
    await site.apply(namespace("x"), namespace("y"));
    await site.run(web("x/a", "node-1", 11), web("y/b", "node-2", 11));
    await site.settle();
  });
  after(() => site.down());

  it("their CRDs are installed while agents run, and a policy denies", async () => {
    await meets("allow", "allow");
    await installTiers(site.api, "experimental");
    await change(admin("deny", 20, denyFromX));
    await meets("deny", "deny");
  });

  it("a policy with a better priority comes first; after a change of its priority it does not", async () => {
    const allow = admin("allow", 10, allow80FromX);
    await change(allow);
    await meets("allow", "deny");
    await change(admin("allow", 30, allow80FromX));
    await meets("deny", "deny");
    await remove(allow, admin("deny", 20, {}));
    await meets("allow", "allow");
  });

  it("Pass leaves it to NetworkPolicy, and that to the baseline where it says nothing", async () => {
    const pass = { subject: named("y"), ingress: [{ action: "Pass", from: [named("x")] }] };
    await change(admin("pass", 5, pass), admin("deny", 20, denyFromX), baseline(denyFromX));
    await meets("deny", "deny");
    const ingress = [{ from: [{ namespaceSelector: {} }], ports: [{ protocol: "TCP", port: 80 }] }];
    await change(networkPolicy("y/some", { podSelector: {}, ingress }));
    await meets("allow", "deny");
    await site.api.remove(idOf("NetworkPolicy", "y/some"));
    await remove(admin("pass", 5, {}), admin("deny", 20, {}), baseline({}));
    await meets("allow", "allow");
  });

  it("a ClusterNetworkPolicy stands in the same tiers", async () => {
    const fromX = { from: [named("x")] };
    const tcp80 = [{ tcp: { destinationPort: { number: 80 } } }];
    const accept = { subject: named("y"), ingress: [{ action: "Accept", ...fromX, protocols: tcp80 }] };
    const low = cluster("low", "Baseline", 0, denyFromX);
    await change(low);
    await meets("deny", "deny");
    await change(admin("deny", 20, denyFromX), cluster("high", "Admin", 10, accept));
    await meets("allow", "deny");
    await remove(low, cluster("high", "Admin", 0, {}), admin("deny", 20, {}));
    await meets("allow", "allow");
  });

  it("nodes are known by their labels, also by those that come later, on both nodes' agents", async () => {
    const storage = { nodes: { matchLabels: { role: "storage" } } };
    const rule = { action: "Deny", to: [storage] };
    const label = async (name: string, role: string | null): Promise<void> => {
      await site.api.patch(idOf("Node", name), { metadata: { labels: { role } } });
      await site.settle();
    };
    const nodes = ["x/a node/node-2 TCP/9999", "y/b node/node-1 TCP/9999"] as const;
    const expect = (first: "allow" | "deny", second: "allow" | "deny") =>
      site.expect({ [nodes[0]]: first, [nodes[1]]: second });
    await expect("allow", "allow");
    await change(admin("nodes", 1, { subject: { namespaces: {} }, egress: [rule] }));
    await expect("allow", "allow");
    await label("node-2", "storage");
    await expect("deny", "allow");
    await label("node-1", "storage");
    await expect("deny", "deny");
    await label("node-2", null);
    await expect("allow", "deny");
    // A fresh agent knows all of them before it enforces anything.
    await site.stopAgent("node-2");
    site.startAgent("node-2");
    await site.settle();
    await expect("allow", "deny");
    await remove(admin("nodes", 1, {}));
    await expect("allow", "allow");
    await label("node-1", null);
  });

  it("a field whose gate is shut is unknown: the rule denies everything, and the status says why", async () => {
    const flags = ["--feature-gates=NodePeers=false"];
    await site.stopAgent("node-1");
    site.startAgent("node-1", undefined, { flags });
    const rule = { action: "Deny", to: [{ nodes: { matchLabels: { role: "none" } } }] };
    await change(admin("nodes", 1, { subject: named("x"), egress: [rule] }));
    await site.expect({ "x/a y/b TCP/80": "deny", "y/b x/a TCP/80": "allow" }, { evaluator: false });
    const { policies } = (await site.agent("node-1").status()) as AgentStatus;
    const policy = policies.find(({ id }) => id === "AdminNetworkPolicy/nodes");
    assert.equal(policy?.state, "invalid");
    assert.match(policy.message ?? "", /nodes: unknown field: the feature gate NodePeers is shut/);
    await remove(admin("nodes", 1, {}));
    await site.stopAgent("node-1");
    site.startAgent("node-1");
    await site.settle();
  });

  it("one with a rule that cannot be read is told to its owner by an Event, and counted", async () => {
    const rule = { action: "Deny", to: [named("y")], ports: [{ portNumber: { protocol: "ICMP", port: 80 } }] };
    await change(admin("broken", 1, { subject: named("x"), egress: [rule] }));
    // Fails closed: everything of that direction.
    await site.expect({ "x/a y/b TCP/80": "deny", "y/b x/a TCP/80": "allow" });
    const events = async (): Promise<object | null> => {
      const all = await site.api.list("events.k8s.io/v1", "Event");
      return all.find(({ regarding }) => (regarding as { name?: string } | undefined)?.name === "broken") ?? null;
    };
    const event = (await until("the Event", events, patience)) as Record<string, unknown>;
    assert.deepEqual([event["reason"], event["type"]], ["InvalidPolicy", "Warning"]);
    assert.match(
      String(event["note"]),
      /spec\.egress\[0\]\.ports\[0\]\.portNumber\.protocol: Unsupported value: "ICMP"/,
    );
    const { regarding, metadata } = event as { regarding: { kind: string }; metadata: { namespace: string } };
    assert.deepEqual([regarding.kind, metadata.namespace], ["AdminNetworkPolicy", "default"]);
    assert.equal(await site.agent("node-1").metric("portcullis_policies", '{state="invalid"}'), 1);
    await remove(admin("broken", 1, {}));
    await meets("allow", "allow");
  });

  it("an agent of which only other kinds are wanted does not even ask for them", async () => {
    await change(admin("deny", 20, denyFromX));
    await meets("deny", "deny");
    await site.stopAgent("node-2");
    site.startAgent("node-2", undefined, { flags: ["--policy-kinds=NetworkPolicy"] });
    const isReady = async (): Promise<true | null> => ((await site.agent("node-2").readiness())?.ready ? true : null);
    await until("it enforces", isReady, patience);
    await site.expect({ "x/a y/b TCP/80": "allow" }, { evaluator: false });
    const { source, errors } = (await site.agent("node-2").status()) as AgentStatus;
    assert.ok(!source?.resources.some(({ resource }) => /policy\.networking|customresource/.test(resource)));
    assert.deepEqual(errors, []);
    await site.stopAgent("node-2");
    site.startAgent("node-2");
    await site.settle();
    await meets("deny", "deny");
  });

  it("when the CRD goes, its policies go with it, and the others stay", async () => {
    const fromY = { subject: named("x"), ingress: [{ action: "Deny", from: [named("y")] }] };
    await change(cluster("other", "Admin", 1, fromY));
    await site.expect({ "x/a y/b TCP/80": "deny", "y/b x/a TCP/80": "deny" });
    const kind = tierPolicyKinds.find((one) => one.kind === "AdminNetworkPolicy");
    assert.ok(kind);
    await site.api.remove(definitionOf(kind, "experimental"));
    const isGone = async (): Promise<true | null> =>
      (await servedTiers(site.api)).some((one) => one.kind === kind.kind) ? null : true;
    await until("the kind is gone", isGone, patience);
    const isOpen = async (): Promise<true | null> => {
      await site.settle();
      return (await site.compare([{ from: "x/a", to: "y/b", protocol: "TCP", port: 80 }]))[0]?.kernel === "allow"
        ? true
        : null;
    };
    await until("its policies are gone", isOpen, patience);
    await site.expect({ "x/a y/b TCP/80": "allow", "y/b x/a TCP/80": "deny" });
  });
});

describe("a cluster that is closed by default", { skip: whySkipped() }, () => {
  it("is open only where a policy of some tier accepts, or its namespace says so", async () => {
    const site = await Site.start({ nodes: ["node-1", "node-2"], defaultVerdict: "deny" });
    try {
      await site.apply(namespace("x"), namespace("y"));
      await site.run(web("x/a", "node-1", 11), web("y/b", "node-2", 11));
      await site.settle();
      await site.expect({ "x/a y/b TCP/80": "deny", "y/b x/a TCP/80": "deny" });
      await installTiers(site.api, "experimental");
      const egress = [{ action: "Allow", to: [named("y")] }];
      const ingress = [{ action: "Allow", from: [named("x")], ports: port80 }];
      await site.apply(admin("out", 1, { subject: named("x"), egress }), baseline({ subject: named("y"), ingress }));
      await site.settle();
      await site.expect({ "x/a y/b TCP/80": "allow", "x/a y/b TCP/8080": "deny", "y/b x/a TCP/80": "deny" });
      await site.apply(denyIngress("y/deny"));
      await site.settle();
      await site.expect({ "x/a y/b TCP/80": "deny" });
    } finally {
      await site.down();
    }
  });
});
