import { test } from "node:test";
import { Site } from "./site.ts";
import { pod, namespace } from "../ask.ts";
import { podAddresses } from "../random-cluster.ts";
import { whySkipped } from "./available.ts";

test("comes up", { skip: whySkipped() }, async () => {
  const t0 = performance.now();
  const site = await Site.start({ nodes: ["node-1", "node-2"], agents: false });
  console.log("up", performance.now() - t0);
  try {
    await site.apply(namespace("x"), namespace("y"));
    await site.run(
      pod("x/a", podAddresses("node-1", 11), { spec: { nodeName: "node-1" }, ports: [{ containerPort: 80 }] }),
    );
    await site.run(
      pod("x/b", podAddresses("node-2", 11), { spec: { nodeName: "node-2" }, ports: [{ containerPort: 80 }] }),
    );
    await site.settle();
    const t1 = performance.now();
    await site.expect({ "x/a x/b TCP/80": "allow", "x/b x/a 6:TCP/80": "allow" });
    console.log("again", performance.now() - t1, await site.expectAllAsEvaluated());
  } catch (e) {
    console.log(e);
    throw e;
  } finally {
    await site.down();
  }
});
