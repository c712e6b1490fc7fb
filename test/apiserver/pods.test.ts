import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { namespace, networkPolicy, pod } from "../ask.ts";
import { podAddresses } from "../random-cluster.ts";
import { whySkipped } from "./available.ts";
import { allowFrom, denyIngress, idOf, web } from "./scene.ts";
import { Site } from "./site.ts";

const address = podAddresses("node-1", 11)[0];

/** Objects of the API count their age in seconds: the second of two pods has to be created in a later one. */
async function aSecondLater(): Promise<void> {
  await pause(1000 - (Date.now() % 1000) + 1);
}

/** Names and addresses that pods leave to each other. */
describe("pods that come and go", { skip: whySkipped() }, () => {
  let site: Site;
  before(async () => {
    site = await Site.start({ nodes: ["node-1", "node-2"], mentioned: [address, "10.244.1.77"] });
    await site.apply(
      namespace("x"),
      namespace("y"),
      denyIngress("x/deny"),
      allowFrom("x/allow", { app: "client" }, { app: "server" }, 80),
    );
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/server", "node-2", 11, { app: "server" }));
    await site.settle();
  });
  after(() => site.down());

  it("an address goes from one pod to another: rights do not go with it", async () => {
    await site.expect({ "x/client x/server TCP/80": "allow" });
    await site.api.remove(idOf("Pod", "x/client"));
    await site.run(web("x/stranger", "node-1", 11, { app: "stranger" }));
    await site.settle();
    await site.expect({ "x/stranger x/server TCP/80": "deny", [`${address} x/server TCP/80`]: "deny" });
    // Nor do duties: what isolated it as a pod of x does not isolate it as one of y.
    await site.expect({ "x/server x/stranger TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/stranger"));
    await site.run(web("y/free", "node-1", 11));
    await site.settle();
    await site.expect({ "x/server y/free TCP/80": "allow", "y/free x/server TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "y/free"));
  });

  it("a pod is made again under the same name, elsewhere and as something else", async () => {
    await site.run(web("x/client", "node-1", 12, { app: "client" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow" });
    await site.api.remove(idOf("Pod", "x/client"));
    await site.run(web("x/client", "node-2", 12, { app: "client" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow", "x/server x/client TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/client"));
    await site.run(web("x/client", "node-1", 12, { app: "nothing" }));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/client"));
  });

  it("of two live pods that claim an address the newer one holds it", async () => {
    await site.run(web("x/old", "node-1", 11, { app: "client" }));
    await site.settle();
    await site.expect({ "x/old x/server TCP/80": "allow" });
    await aSecondLater();
    await site.run(web("x/new", "node-1", 11, { app: "stranger" }));
    await site.settle();
    await site.expect({ [`${address} x/server TCP/80`]: "deny", "x/new x/server TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/new"));
    await site.settle();
    await site.expect({ "x/old x/server TCP/80": "allow" });
    await aSecondLater();
    await site.run(web("x/new", "node-1", 11, { app: "stranger" }));
    await site.api.remove(idOf("Pod", "x/old"));
    await site.settle();
    await site.expect({ "x/new x/server TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/new"));
  });

  it("a pod that is ending counts until it has ended, a finished one no more", async () => {
    await site.run(web("x/ending", "node-1", 11, { app: "client" }));
    // With time to end: the object stays, marked, until its kubelet says that it is over.
    const path = await site.api.pathOf(idOf("Pod", "x/ending"));
    await site.api.send(
      "DELETE",
      path,
      JSON.stringify({ kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 600 }),
    );
    await site.settle();
    await site.expect({ "x/ending x/server TCP/80": "allow" });
    await site.api.patch(idOf("Pod", "x/ending"), { status: { phase: "Succeeded" } }, "status");
    await site.settle();
    await site.expect({ [`${address} x/server TCP/80`]: "deny" });
    await site.api.remove(idOf("Pod", "x/ending"));
  });

  it("an address of the node's range is shut until its pod is known, then at once what its policies say", async () => {
    await site.settle();
    await site.expect({ [`${address} x/server TCP/80`]: "deny", "10.244.1.77 x/server TCP/80": "deny" });
    // Its network is there before its status says so: nothing of it passes yet.
    const { status: _unknown, ...unknown } = pod("x/starting", [], {
      labels: { app: "client" },
      spec: { nodeName: "node-1" },
    });
    await site.apply(unknown);
    await site.settle();
    await site.expect({ [`${address} x/server TCP/80`]: "deny" });
    const podIPs = podAddresses("node-1", 11).map((ip) => ({ ip }));
    await site.api.patch(idOf("Pod", "x/starting"), { status: { phase: "Running", podIP: address, podIPs } }, "status");
    await site.settle();
    await site.expect({ "x/starting x/server TCP/80": "allow", "x/server x/starting TCP/80": "deny" });
    await site.api.remove(idOf("Pod", "x/starting"));
  });

  it("an agent that was away enforces what happened meanwhile", async () => {
    await site.run(web("x/client", "node-1", 11, { app: "client" }), web("x/goes", "node-2", 12));
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "allow" });
    await site.stopAgent("node-2", "SIGKILL");
    await site.api.remove(idOf("NetworkPolicy", "x/allow"));
    await site.api.remove(idOf("Pod", "x/goes"));
    await site.apply(networkPolicy("x/late", { podSelector: {}, policyTypes: ["Egress"], egress: [] }));
    await site.settle();
    // Its rules stay while it is away: x/server is still protected, and still reached.
    await site.agent("node-1").process.stop("SIGTERM");
    site.startAgent("node-1");
    site.startAgent("node-2");
    await site.settle();
    await site.expect({ "x/client x/server TCP/80": "deny", "x/server x/client TCP/80": "deny" });
    await site.expectAllAsEvaluated();
  });
});
