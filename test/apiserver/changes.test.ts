import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { namespace, networkPolicy } from "../ask.ts";
import { whySkipped } from "./available.ts";
import { RefusedError } from "./api.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

/** Objects of a real API server change, one step after the other; real packets after each. */
describe("changes of objects", { skip: whySkipped() }, () => {
  let site: Site;
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"], mentioned: ["10.244.1.11", "203.0.113.9"] });
    await site.apply(namespace("x"), namespace("y", { team: "red" }));
    await site.run(
      web("x/a", "node-1", 11, { app: "client" }),
      web("x/b", "node-1", 12, { app: "server" }),
      web("x/c", "node-2", 11, { app: "other" }),
      web("y/d", "node-2", 12, { app: "client" }),
    );
  });
  after(() => site.down());

  it("without policies everybody reaches everybody, both families", async () => {
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "allow", "y/d x/b 6:TCP/80": "allow", "203.0.113.9 x/b TCP/80": "allow" });
    assert.equal(await site.expectAllAsEvaluated(), 24);
  });

  it("a policy is created", async () => {
    await site.apply(denyIngress("x/deny"));
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny", "x/a x/b 6:TCP/80": "deny", "x/a y/d TCP/80": "allow" });
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, "http"));
    await site.settle();
    await site.expect({
      "x/a x/b TCP/80": "allow",
      "x/a x/b TCP/8080": "deny",
      "x/c x/b TCP/80": "deny",
      "y/d x/b TCP/80": "deny",
      "203.0.113.9 x/b TCP/80": "deny",
    });
  });

  it("a policy is edited", async () => {
    await site.apply(allowFrom("x/allow", { app: "client" }, { app: "server" }, 8080));
    await site.settle();
    await site.expect({ "x/a x/b TCP/80": "deny", "x/a x/b TCP/8080": "allow" });
    await site.expectAllAsEvaluated();
  });

  it("a pod's labels change", async () => {
    await site.api.patch(idOf("Pod", "x/c"), { metadata: { labels: { app: "client" } } });
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "allow" });
    await site.api.patch(idOf("Pod", "x/a"), { metadata: { labels: { app: null } } });
    await site.settle();
    await site.expect({ "x/a x/b TCP/8080": "deny", "x/c x/b TCP/8080": "allow" });
    await site.api.patch(idOf("Pod", "x/b"), { metadata: { labels: { app: "another" } } });
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "deny" });
    await site.api.patch(idOf("Pod", "x/b"), { metadata: { labels: { app: "server" } } });
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "allow" });
  });

  it("a namespace's labels change", async () => {
    const from = [{ namespaceSelector: { matchLabels: { team: "blue" } } }];
    await site.apply(networkPolicy("x/blue", { podSelector: {}, ingress: [{ from }] }));
    await site.settle();
    await site.expect({ "y/d x/a TCP/80": "deny" });
    await site.api.patch(idOf("Namespace", "y"), { metadata: { labels: { team: "blue" } } });
    await site.settle();
    await site.expect({ "y/d x/a TCP/80": "allow", "x/c x/a TCP/80": "deny" });
    await site.api.patch(idOf("Namespace", "y"), { metadata: { labels: { team: null } } });
    await site.settle();
    await site.expect({ "y/d x/a TCP/80": "deny" });
  });

  it("what the API server refuses changes nothing", async () => {
    const wrong = allowFrom("x/allow", { app: "client" }, { app: "server" }, 70_000);
    await assert.rejects(site.apply(wrong), RefusedError);
    const unknown = networkPolicy("x/allow", { podSelector: {}, ingres: [{}] });
    await assert.rejects(site.apply(unknown), RefusedError);
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "allow", "x/a x/b TCP/80": "deny" });
  });

  it("policies are deleted", async () => {
    for (const name of ["x/allow", "x/blue"]) await site.api.remove(idOf("NetworkPolicy", name));
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "deny" });
    await site.api.remove(idOf("NetworkPolicy", "x/deny"));
    await site.settle();
    await site.expect({ "x/c x/b TCP/8080": "allow", "203.0.113.9 x/b TCP/80": "allow" });
  });

  it("a pod is deleted: its address is nobody's and shut", async () => {
    await site.api.remove(idOf("Pod", "x/a"));
    await site.settle();
    await site.expect({ "10.244.1.11 x/b TCP/80": "deny", "x/b 10.244.1.11 TCP/80": "deny" });
  });

  it("a namespace is deleted with all that is in it", async () => {
    await site.apply(denyIngress("x/deny"), denyIngress("y/deny"));
    await site.settle();
    await site.expect({ "x/b y/d TCP/80": "deny", "x/b x/c TCP/80": "deny" });
    await site.plane.startControllers();
    await site.api.remove(idOf("Namespace", "x"));
    await site.namespaceGone("x");
    await site.plane.stopControllers();
    await site.apply(namespace("x"));
    await site.run(web("x/b", "node-1", 12), web("x/c", "node-2", 11));
    await site.settle();
    // The policy of the namespace of before went with it; the other one's is still there.
    await site.expect({ "y/d x/b TCP/80": "allow", "x/b x/c TCP/80": "allow", "x/b y/d TCP/80": "deny" });
    await site.expectAllAsEvaluated();
  });
});
