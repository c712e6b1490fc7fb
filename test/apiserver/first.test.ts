import assert from "node:assert/strict";
import { test } from "node:test";
import { ControlPlane } from "./control-plane.ts";
import { whySkipped } from "./available.ts";

test("comes up", { skip: whySkipped() }, async () => {
  const t0 = performance.now();
  const plane = await ControlPlane.start();
  console.log("up", performance.now() - t0);
  try {
    console.log(await plane.api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } }));
    await plane.compact();
    await plane.stopServer();
    const t1 = performance.now();
    await plane.startServer();
    console.log("again", performance.now() - t1);
    await plane.storeUnchecked("networkpolicies/x/bad", {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "bad", namespace: "x", uid: "9fe0c7f3-1b5c-4a3a-9d0c-0a2e5d0f9f11" },
      spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "nonsense" } }] }] },
    });
    console.log(JSON.stringify(await plane.api.list("networking.k8s.io/v1", "NetworkPolicy")));
    await plane.startControllers();
    await plane.api.remove({ apiVersion: "v1", kind: "Namespace", metadata: { name: "x" } });
    assert.ok(true);
    console.log("controllers", performance.now() - t1);
  } catch (e) {
    console.log(e);
    console.log((await import("node:fs")).readFileSync(plane.serverLog, "utf8").slice(-3000));
    throw e;
  } finally {
    await plane.stop();
  }
});
