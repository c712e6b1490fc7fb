import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { namespace } from "../ask.ts";
import type { NewObject } from "./api.ts";
import { whySkipped } from "./available.ts";
import { until } from "./process.ts";
import { denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";
import { definitionOf, servedTiers, tierPolicyKinds } from "./tiers.ts";

const resource = "clusternetworkpolicies.policy.networking.k8s.io";
const patience = 120_000;

const clusterPolicy = {
  apiVersion: "policy.networking.k8s.io/v1alpha2",
  kind: "ClusterNetworkPolicy",
  metadata: { name: "everything" },
  spec: {
    tier: "Admin",
    priority: 10,
    subject: { namespaces: {} },
    ingress: [{ action: "Deny", from: [{ namespaces: {} }] }],
  },
};

/** A policy API that is installed and removed while agents run. */
describe("a CRD that comes late and goes", { skip: whySkipped() }, () => {
  let site: Site;
  const kind = tierPolicyKinds.find((one) => one.kind === "ClusterNetworkPolicy");
  assert.ok(kind);
  const crd = definitionOf(kind, "standard");
  /** The same kind as a later release may have it: the version that is read is not among those that it is served in. */
  const { versions, ...more } = crd["spec"] as { readonly versions: readonly object[] };
  const later: NewObject = { ...crd, spec: { ...more, versions: versions.map((one) => ({ ...one, name: "v9" })) } };
  const gone = async (): Promise<void> => {
    await site.api.remove(crd);
    const isGone = async (): Promise<true | null> => ((await servedTiers(site.api)).length === 0 ? true : null);
    await until("the kind is not served", isGone, patience);
  };
  /** A kind that is not installed is not followed at all: then nothing is told of it. */
  const untilFollowed = (followed: boolean) =>
    until(
      `${resource} is ${followed ? "" : "not "}followed`,
      async () => {
        const labels = `{resource="${resource}",state="watching"}`;
        return ((await site.agent("node-1").metric("portcullis_source_state", labels)) === 1) === followed
          ? true
          : null;
      },
      patience,
    );
  const errors = async (): Promise<string> =>
    JSON.stringify(((await site.agent("node-1").status()) as { errors: unknown }).errors);
  before(async () => {
    site = await Site.start({ nodes: ["node-1"] });
    await site.apply(namespace("x"));
    await site.run(web("x/a", "node-1", 11), web("x/b", "node-1", 12));
    await site.settle();
  });
  after(() => site.down());

  it("without it, all else works", async () => {
    await untilFollowed(false);
    await site.expect({ "x/a x/b TCP/80": "allow" });
  });

  const apply = async (policy: NewObject): Promise<void> => {
    const isTaken = async (): Promise<true | null> =>
      await site.api.apply(policy).then(
        () => true,
        () => null,
      );
    await until("the new API takes objects", isTaken, patience);
  };

  it("installed, its policies are enforced beside the others", async () => {
    await site.apply(crd);
    await untilFollowed(true);
    await apply(clusterPolicy);
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny" });
    assert.equal(await errors(), "[]");
  });

  it("removed, it is forgotten, and all else goes on", async () => {
    await gone();
    await untilFollowed(false);
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "allow" });
    await site.apply(denyIngress("x/deny"));
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny" });
    assert.equal((await site.agent("node-1").readiness())?.ready, true);
  });

  it("served only in versions that are not read, each of its policies is reported, and has no effect", async () => {
    await site.api.remove(idOf("NetworkPolicy", "x/deny"));
    await site.apply(later);
    await untilFollowed(true);
    await apply({ ...clusterPolicy, apiVersion: "policy.networking.k8s.io/v9" });
    const isReported = async (): Promise<true | null> =>
      (await errors()).includes("ClusterNetworkPolicy/everything") ? true : null;
    await until("the object is reported", isReported, patience);
    assert.match(await errors(), /served only in versions that are not read/);
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "allow" });
  });

  it("served in the version that is read too, it is enforced", async () => {
    const both = {
      ...more,
      versions: [...versions, ...versions.map((one) => ({ ...one, name: "v9", storage: false }))],
    };
    await site.apply({ ...crd, spec: both });
    const isServed = async (): Promise<true | null> => ((await servedTiers(site.api)).length > 0 ? true : null);
    await until("the version that is read is served", isServed, patience);
    // Of both versions it knows the newest state: that it reads the one that it reads, this tells.
    await until("nothing is reported", async () => ((await errors()) === "[]" ? true : null), patience);
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny" });
  });
});
