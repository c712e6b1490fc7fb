import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { networkPolicy, pod } from "../../test/ask.ts";
import { schemaErrors } from "../../test/json-schema.ts";
import { tries } from "../../test/property.ts";
import { runBinary } from "../../test/run-binary.ts";
import { anyConnection, smallCluster, someOptions } from "../../test/small-cluster.ts";
import { explain } from "../evaluate/explain.ts";
import { explanationReport, explanationText } from "./explain.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-explain-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const objects = join(folder, "objects.json");
const items = [pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2"), networkPolicy("x/closed", { podSelector: {} })];
writeFileSync(objects, JSON.stringify({ apiVersion: "v1", kind: "List", items }));

describe("portcullis explain", () => {
  const ask = (...more: readonly string[]) =>
    runBinary(["explain", "-f", objects, "--from", "y/b", "--port", "80", ...more]);
  it("tells a person why, and with the exit code whether", async () => {
    const denied = await ask("--to", "x/a");
    assert.equal(denied.code, 1);
    assert.match(denied.stdout, /^deny: y\/b \(10\.0\.0\.2\) to x\/a \(10\.0\.0\.1\), TCP 80\n/);
    assert.match(denied.stdout, /NetworkPolicy\/x\/closed/);
    assert.equal((await ask("--to", "y/b")).code, 0);
  });
  it("prints JSON with apiVersion and kind first", async () => {
    const { stdout } = await ask("--to", "x/a", "-ojson");
    const report = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
    assert.deepEqual(Object.keys(report).slice(0, 3), ["apiVersion", "kind", "verdict"]);
    assert.deepEqual(
      [report["apiVersion"], report["kind"], report["verdict"]],
      ["portcullis.dev/v1", "Explanation", "deny"],
    );
  });
  it("ends with 2 for wrong usage, with 3 for an END that is not there", async () => {
    assert.equal((await ask()).code, 2);
    assert.equal((await ask("--to", "x/a", "--port", "http")).code, 2);
    assert.equal((await ask("--to", "x/none")).code, 3);
  });

  it("prints reports that fit the schema in docs/schemas, and texts without control characters", () => {
    fc.assert(
      fc.property(smallCluster, someOptions, anyConnection, (cluster, options, connection) => {
        const explanation = explain(cluster, connection, options);
        const report: unknown = JSON.parse(JSON.stringify(explanationReport(explanation)));
        assert.deepEqual(schemaErrors(report, "explain.json"), []);
        // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
        assert.doesNotMatch(explanationText(explanation), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }),
      tries(200),
    );
  });

  it("names the rules that came nearest and what does not match", async () => {
    const rule = { from: [{ podSelector: { matchLabels: { app: "c" } } }], ports: [{ port: 443 }] };
    const near = join(folder, "near.json");
    writeFileSync(near, JSON.stringify(networkPolicy("x/near", { podSelector: {}, ingress: [rule] })));
    const { stdout } = await ask("--to", "x/a", "-f", near);
    assert.match(stdout, /NetworkPolicy\/x\/near rule 0\n/);
    assert.match(stdout, /the pod is in namespace y, not in x/);
    assert.match(stdout, /do not match podSelector app=c/);
    assert.match(stdout, /TCP 80 is not among TCP 443/);
  });
});
