import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { namespace, networkPolicy } from "../ask.ts";
import { whySkipped } from "./available.ts";
import { idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

const fromBlock = (cidr: string) => [{ from: [{ ipBlock: { cidr } }] }];

/** Policies that the API server holds and that are not valid (docs/semantics.md, 9). */
describe("invalid policies", { skip: whySkipped() }, () => {
  let site: Site;
  /** As an older API server, with a weaker validation, may have left it: it is served as it is. */
  const store = async (name: string, spec: object): Promise<void> => {
    const { apiVersion, kind, metadata } = idOf("NetworkPolicy", name);
    const stored = await site.api.find(apiVersion, kind, metadata.name, metadata.namespace);
    const identity = {
      uid: stored?.metadata.uid ?? randomUUID(),
      creationTimestamp: "2020-01-01T00:00:00Z",
      generation: 1,
    };
    await site.plane.storeUnchecked(`networkpolicies/${name}`, networkPolicy(name, spec, identity));
    await site.settle();
  };
  const findings = () => site.agent("node-1").metric("portcullis_input_findings");
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"] });
    await site.apply(namespace("x"), namespace("y"));
    await site.run(web("x/a", "node-1", 11), web("x/b", "node-1", 12), web("y/c", "node-2", 11));
    await site.settle();
  });
  after(() => site.down());

  it("one whose rule cannot be read isolates all the same, is reported, and affects nothing else", async () => {
    assert.equal(await findings(), 0);
    await store("x/broken", { podSelector: {}, policyTypes: ["Ingress"], ingress: fromBlock("10.244.0.0/99") });
    await site.expect({ "y/c x/a TCP/80": "deny", "x/b x/a TCP/80": "deny", "x/a y/c TCP/80": "allow" });
    assert.equal(await findings(), 1);
  });

  it("mended, it counts as it is; broken again, its last valid version stays in force", async () => {
    const valid = networkPolicy("x/broken", {
      podSelector: {},
      policyTypes: ["Ingress"],
      ingress: fromBlock("10.244.2.0/24"),
    });
    await site.apply(valid);
    await site.settle();
    await site.expect({ "y/c x/a TCP/80": "allow", "x/b x/a TCP/80": "deny" });
    assert.equal(await findings(), 0);
    await store("x/broken", { podSelector: {}, policyTypes: ["Ingress"], ingress: fromBlock("nonsense") });
    await site.expect({ "y/c x/a TCP/80": "allow", "x/b x/a TCP/80": "deny" }, { evaluator: false });
    assert.equal(await findings(), 1);
  });

  it("a fresh start knows no version of before: it isolates", async () => {
    await site.stopAgent("node-1", "SIGTERM");
    site.startAgent("node-1");
    await site.settle();
    await site.expect({ "y/c x/a TCP/80": "deny", "x/b x/a TCP/80": "deny" });
  });

  it("one whose subject cannot be read is reported and does nothing", async () => {
    await site.api.remove(idOf("NetworkPolicy", "x/broken"));
    const podSelector = { matchExpressions: [{ key: "app", operator: "Near", values: ["a"] }] };
    await store("x/aimless", { podSelector, policyTypes: ["Ingress"] });
    await site.expect({ "y/c x/a TCP/80": "allow", "x/b x/a TCP/80": "allow" });
    assert.equal(await findings(), 1);
    await site.api.remove(idOf("NetworkPolicy", "x/aimless"));
    await site.settle();
    assert.equal(await findings(), 0);
  });
});
