import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { compileWhole } from "../../src/compile/whole.ts";
import { nftablesDataplane } from "../../src/dataplane/nftables/nftables.ts";
import { openTable } from "../../src/dataplane/nftables/wire/table.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { networkPolicy, pod } from "../ask.ts";
import { clusterOf } from "../cluster-of.ts";
import { noNamespaces, ownNamespace } from "../own-namespace.ts";

const ruleset = compileWhole(
  clusterOf([
    pod("alpha/web", ["10.244.1.9"], { spec: { nodeName: "node-1" } }),
    networkPolicy("alpha/deny", { podSelector: {} }),
  ]),
  {
    nodeName: "node-1",
    podCidrs: null,
    unknownPods: "drop",
    established: "cut",
    defaultVerdict: "accept",
    logGroup: 9080,
  },
);

describe("a kernel that has no log", { skip: noNamespaces }, () => {
  it("gets all rules but those that report, until it has one", async () => {
    const namespace = ownNamespace();
    let hasLog = false;
    const dataplane = nftablesDataplane({
      netns: namespace.name,
      ctMarkMask: 0xffff0000,
      open: (...where) => ({ ...openTable(...where), takesReports: () => hasLog }),
    });
    const listing = (): string =>
      inNamespace(namespace.name, () => execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }));
    try {
      await dataplane.sync(ruleset);
      assert.doesNotMatch(listing(), / log |flags dynamic/);
      assert.match(listing(), /10\.244\.1\.9 : goto in-alpha\.deny/);
      assert.deepEqual((await dataplane.check()).differences, []);
      hasLog = true;
      assert.notDeepEqual((await dataplane.sync(ruleset)).differences, []);
      assert.match(listing(), /log prefix "portcullis deny ingress isolated" group 9080 snaplen 128/);
      assert.deepEqual((await dataplane.check()).differences, []);
    } finally {
      dataplane.close();
      namespace.remove();
    }
  });
});
