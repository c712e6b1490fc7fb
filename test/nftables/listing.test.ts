import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { after, describe, it } from "node:test";
import { compileWhole } from "../../src/compile/whole.ts";
import { nftablesDataplane } from "../../src/dataplane/nftables/nftables.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import { type ApiObject, clusterOf } from "../cluster-of.ts";
import { clusterFromSeed } from "../random-cluster.ts";
import { networkPolicy, pod } from "../ask.ts";

const netns = `pct-${randomBytes(3).toString("hex")}`;
execFileSync("ip", ["netns", "add", netns]);
after(() => execFileSync("ip", ["netns", "del", netns]));

const nft = (args: readonly string[], input = ""): string =>
  inNamespace(netns, () => execFileSync("nft", args, { input, encoding: "utf8" }));

/** Names as hostile as the decoders let through, and more of them than fit. */
const hostile: readonly ApiObject[] = [
  pod("alpha/web", ["10.244.1.9", "fd00:10:244:1::9"], { labels: { app: "web" }, spec: { nodeName: "node-1" } }),
  ...[`x${'";drop;'.repeat(4)}\n`, "a".repeat(253), "é{}#", "-"].map((name) =>
    networkPolicy(`alpha/${name}`, {
      podSelector: {},
      ingress: [{ from: [{ podSelector: { matchLabels: { app: name.length > 63 ? "a" : "web" } } }] }],
    }),
  ),
];

function lenient(objects: readonly ApiObject[]) {
  const read = objects.map((object) => {
    try {
      return clusterOf([object]);
    } catch {
      return { objects: [], policies: [] };
    }
  });
  return { objects: read.flatMap((one) => one.objects), policies: read.flatMap((one) => one.policies) };
}

const inAudit = { annotations: { "portcullis.dev/mode": "audit" } };

/** A pod that is isolated, with a policy in audit beside it, and one that only an audit concerns. */
const audits: readonly ApiObject[] = [
  pod("alpha/web", ["10.244.1.9", "fd00:10:244:1::9"], { labels: { app: "web" }, spec: { nodeName: "node-1" } }),
  pod("alpha/db", ["10.244.1.10"], { labels: { app: "db" }, spec: { nodeName: "node-1" } }),
  networkPolicy("alpha/in-force", {
    podSelector: { matchLabels: { app: "web" } },
    ingress: [{ ports: [{ port: 80 }] }],
  }),
  networkPolicy("alpha/watched", { podSelector: {}, policyTypes: ["Ingress", "Egress"], egress: [{}] }, inAudit),
];

const clusters: readonly (readonly [string, readonly ApiObject[]])[] = [
  ...[1, 2, 3, 4, 5, 6].map((seed) => [`random cluster ${seed}`, clusterFromSeed(seed)] as const),
  ["hostile names", hostile],
  ["audits", audits],
];

describe("text and netlink", () => {
  for (const [what, objects] of clusters) {
    it(`make the same table of ${what}, and nft lists what it reads`, async () => {
      const ruleset = compileWhole(lenient(objects), {
        nodeName: "node-1",
        podCidrs: null,
        unknownPods: "drop",
        established: "cut",
        defaultVerdict: "accept",
        logGroup: 9080,
      });
      const dataplane = nftablesDataplane({ netns, ctMarkMask: 0xffff0000 });
      const text = dataplane.render(ruleset);
      nft(["-c", "-f", "-"], text);
      nft(["-f", "-"], text);
      const fromText = nft(["list", "ruleset"]);
      // The kernel's table is what the dataplane wants, down to the last element: nothing is to be done.
      const report = await dataplane.sync(ruleset);
      assert.deepEqual(report.differences, []);
      nft(["flush", "ruleset"]);
      nft(["-f", "-"], fromText);
      assert.equal(nft(["list", "ruleset"]), fromText, "the listing loads again");
      nft(["flush", "ruleset"]);
      await dataplane.check();
      // Sets come in the order in which they are asked for, which means nothing.
      const objectsOf = (listing: string): readonly string[] =>
        listing
          .replace(/0x[0-9a-f]{8}/g, "MARK")
          .split("\n\n")
          .sort();
      assert.deepEqual(objectsOf(nft(["list", "ruleset"])), objectsOf(fromText));
      await dataplane.remove();
      dataplane.close();
    });
  }
});
