import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { networkPolicy, node, pod } from "../../test/ask.ts";
import { runBinary } from "../../test/run-binary.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-render-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const manifest = join(folder, "objects.json");
const rule = { from: [{ podSelector: { matchLabels: { app: "a" } } }, { ipBlock: { cidr: "203.0.113.0/24" } }] };
const items = [
  node("n1", ["192.168.0.1"], ["10.0.0.0/24"]),
  pod("x/a", "10.0.0.5", { labels: { app: "a" }, spec: { nodeName: "n1", containers: [] } }),
  networkPolicy("x/closed", { podSelector: {}, ingress: [{ ...rule, ports: [{ port: 80 }] }] }),
];
writeFileSync(manifest, JSON.stringify({ apiVersion: "v1", kind: "List", items }));

/** Whether nft can check a script here: it asks the kernel, in a network namespace of its own. */
const canCheck = spawnSync("unshare", ["-rn", "nft", "-c", "-f", "-"], { input: "" }).status === 0;

describe("portcullis render", () => {
  it("prints a script that names the pods and policies", async () => {
    const { code, stdout, stderr } = await runBinary(["render", "-f", manifest, "--node", "n1"]);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const text of ["table inet portcullis", "10.0.0.5", "x/a", "x/closed", "203.0.113"])
      assert.ok(stdout.includes(text), text);
  });

  it("prints a script that nft accepts", { skip: !canCheck && "no nft, or no namespace to ask it in" }, async () => {
    const { stdout } = await runBinary(["render", "-f", manifest, "--node", "n1", "--ct-mark-mask", "0xff000000"]);
    const { status, stderr } = spawnSync("unshare", ["-rn", "nft", "-c", "-f", "-"], {
      input: stdout,
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""]);
  });

  it("prints the table without pods, and says so, for a node that nothing speaks of", async () => {
    const { code, stdout, stderr } = await runBinary(["render", "-f", manifest, "--node", "n9"]);
    assert.equal(code, 0);
    assert.match(stderr, /called or runs on "n9"/);
    assert.ok(stdout.includes("table inet portcullis") && !stdout.includes("x/a"));
  });

  it("ends with 2 for wrong usage", async () => {
    const wrong = [
      ["--dataplane", "none"],
      ["--ct-mark-mask", "7"],
      ["--pod-cidr", "10.0.0.0"],
    ];
    for (const flags of wrong) {
      assert.equal((await runBinary(["render", "-f", manifest, "--node", "n1", ...flags])).code, 2, flags.join(" "));
    }
    assert.equal((await runBinary(["render", "-f", manifest])).code, 2);
  });
});
