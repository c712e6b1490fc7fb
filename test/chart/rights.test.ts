import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyKinds, unreadKinds } from "../../src/policy/kinds.ts";
import { agentOf, type Json, lower, onByDefault, one, readFlags, rulesOf, switchesOf, tiers } from "./chart-objects.ts";
import { noHelm, objectsOf } from "./helm.ts";

describe("the rights that the chart gives", { skip: noHelm }, () => {
  it("are exactly those to read what is watched, kind by kind", () => {
    const resources = (values: Json) =>
      rulesOf(one(objectsOf(values), "ClusterRole")).flatMap(({ resources: list, verbs }) =>
        (list as readonly string[]).map((resource) => `${resource}: ${(verbs as readonly string[]).join(" ")}`),
      );
    const base = ["pods", "namespaces", "nodes"].map((name) => `${name}: get list watch`);
    const events = "events: create";
    const without = switchesOf(tiers, false);
    assert.deepEqual(resources(without), [...base, "networkpolicies: get list watch", events]);
    const definitions = "customresourcedefinitions: list watch";
    const admin = {
      ...switchesOf(onByDefault, false),
      "policies.adminNetworkPolicy.enabled": true,
    };
    const ofKind = "adminnetworkpolicies: get list watch";
    assert.deepEqual(resources(admin), [...base, ofKind, definitions, events]);
    for (const { kind, resource } of policyKinds) {
      assert.ok(resources({}).includes(`${resource}: get list watch`), kind);
      const off = resources({ [`policies.${lower(kind)}.enabled`]: false });
      assert.ok(!off.some((right) => right.startsWith(`${resource}:`)), kind);
    }
    for (const { kind, resource } of unreadKinds) {
      const name = `policies.${lower(kind)}.enabled`;
      assert.ok(resources({ [name]: true }).includes(`${resource}: get list watch`), kind);
    }
  });

  it("let the agent read one Service, only where domain names are learned", () => {
    const roles = (values: Json) =>
      objectsOf(values).filter(({ metadata }) => metadata.name === "portcullis-dns" && metadata.namespace === "dns");
    const where = { "dns.service.namespace": "dns", "dns.service.name": "core" };
    assert.deepEqual(
      roles(where).map(({ kind }) => kind),
      ["Role", "RoleBinding"],
    );
    assert.deepEqual(rulesOf(one(roles(where), "Role", "portcullis-dns")), [
      { apiGroups: [""], resources: ["services"], resourceNames: ["core"], verbs: ["get", "list", "watch"] },
    ]);
    for (const off of [{ "dns.enabled": false }, { "featureGates.domainNames": false }, switchesOf(tiers, false)]) {
      assert.deepEqual(roles({ ...where, ...off }), []);
      const flags = readFlags(agentOf(objectsOf({ ...where, ...off })).args.slice(1));
      assert.ok(flags.ok && flags.settings.dnsQueue === null);
    }
  });
});
