import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { namespace } from "../ask.ts";
import type { NewObject } from "./api.ts";
import { whySkipped } from "./available.ts";
import { until } from "./process.ts";
import { denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

const file = join(import.meta.dirname, "crds", "clusternetworkpolicies.v1alpha2.standard.yaml");
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
  const crd = parse(readFileSync(file, "utf8")) as NewObject;
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

  it("installed, its objects are seen: one of a kind that is not read is reported", async () => {
    await site.apply(crd);
    await untilFollowed(true);
    const served = async (): Promise<true | null> =>
      await site.api.apply(clusterPolicy).then(
        () => true,
        () => null,
      );
    await until("the new API is served", served, patience);
    const reported = async (): Promise<true | null> =>
      (await errors()).includes("ClusterNetworkPolicy/everything") ? true : null;
    await until("the object is reported", reported, patience);
    await site.apply(denyIngress("x/deny"));
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny" });
  });

  it("removed, it is forgotten, and all else goes on", async () => {
    await site.api.remove(crd);
    await untilFollowed(false);
    await until("nothing is reported", async () => ((await errors()) === "[]" ? true : null), patience);
    await site.api.remove(idOf("NetworkPolicy", "x/deny"));
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "allow" });
    assert.equal((await site.agent("node-1").readiness())?.ready, true);
  });

  it("installed once more, it is seen once more", async () => {
    await site.apply(crd);
    await untilFollowed(true);
  });
});
