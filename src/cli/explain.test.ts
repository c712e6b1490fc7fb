import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { namespace, networkPolicy, pod } from "../../test/ask.ts";
import { schemaErrors } from "../../test/json-schema.ts";
import { tries } from "../../test/property.ts";
import { runBinary } from "../../test/run-binary.ts";
import { anyConnection, smallCluster, someOptions } from "../../test/small-cluster.ts";
import { adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";
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

  const subject = { namespaces: {} };
  const tiers = join(folder, "tiers.json");
  const rules = [
    { name: "updates", action: "Accept", to: [{ domainNames: ["*.example.org"] }] },
    { name: "inside", action: "Pass", to: [subject] },
    { action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] },
  ];
  const policies = [
    clusterNetworkPolicy("late", { tier: "Admin", priority: 9, subject, egress: rules }),
    clusterNetworkPolicy("early", { tier: "Admin", priority: 1, subject, egress: [] }),
    adminNetworkPolicy(
      "tried",
      { priority: 0, subject, egress: [{ action: "Deny", to: [subject] }] },
      { annotations: { "portcullis.dev/mode": "audit" } },
    ),
    baselineAdminNetworkPolicy({
      subject,
      ingress: [{ action: "Deny", from: [{ namespaces: { matchLabels: { a: "b" } } }] }],
    }),
  ];
  writeFileSync(tiers, JSON.stringify({ apiVersion: "v1", kind: "List", items: policies }));
  const text = async (...more: readonly string[]) => (await ask("-f", tiers, ...more)).stdout;

  it("names the policies of every tier in the order in which they are asked, and where a Pass went", async () => {
    const stdout = await text("--to", "x/a");
    const egress = stdout.slice(stdout.indexOf("egress"), stdout.indexOf("ingress"));
    assert.equal(
      egress,
      [
        "egress of y/b: allow",
        "  no policy isolates the pod or decides, and the default verdict is accept",
        "  selected by, as they are asked:",
        "    AdminNetworkPolicy/tried (admin tier, priority 0, audit: does not count)",
        "    ClusterNetworkPolicy/late (admin tier, priority 9)",
        "  passed on by ClusterNetworkPolicy/late rule 1 (inside), to the default verdict",
        "",
        "",
      ].join("\n"),
    );
    assert.match(stdout, /BaselineAdminNetworkPolicy\/default \(baseline tier, not asked: it is decided before\)/);
  });

  it("tells what rules say of a name, and that what was learned of it is not known", async () => {
    const allowed = await text("--to", "dns/www.example.org");
    assert.match(allowed, /^allow: y\/b \(10\.0\.0\.2\) to dns\/www\.example\.org, TCP 80\n/);
    assert.match(
      allowed,
      /rule 0 \(updates\) of ClusterNetworkPolicy\/late allows it\n {2}note: the rule names \*\.example\.org/,
    );
    const denied = await text("--to", "dns/other.test");
    assert.match(denied, /note: only the name other\.test is known here, not its addresses/);
    assert.match(denied, /late rule 0 \(updates\)\n {6}- other\.test is not among \*\.example\.org/);
    assert.match(
      await text("--to", "203.0.113.1"),
      /note: .*if 203\.0\.113\.1 was learned as an address of such a name/,
    );
  });

  it("tells of a rule that denies everything since it cannot be read", async () => {
    const broken = join(folder, "broken.json");
    const egress = [{ name: "on", action: "Pass", to: [subject, { serviceAccounts: {} }] }];
    const policy = clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject, egress });
    writeFileSync(broken, JSON.stringify(policy));
    const { code, stdout, stderr } = await ask("--to", "203.0.113.1", "-f", broken);
    assert.equal(code, 3);
    assert.match(
      stdout,
      /rule 0 \(on\) of ClusterNetworkPolicy\/p denies it\n {2}note: .* a rule does that cannot be read/,
    );
    assert.match(stderr, /ClusterNetworkPolicy\/p: spec\.egress\[0\]\.to\[1\]\.serviceAccounts: unknown field/);
    assert.doesNotMatch(await text("--to", "dns/other.test"), /cannot be read/);
  });

  it("tells where the default verdict comes from", async () => {
    const lonely = join(folder, "lonely.json");
    const labels = { "portcullis.dev/default-verdict": "deny" };
    const list = (...of: readonly object[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items: of });
    const run = async (...flags: readonly string[]) =>
      (await runBinary(["explain", "-f", lonely, "--from", "y/b", "--to", "y/b2", "--port", "80", ...flags])).stdout;
    writeFileSync(lonely, list(pod("y/b", "10.0.0.2"), pod("y/b2", "10.0.0.3")));
    assert.match(await run("--default-verdict", "deny"), /the default verdict is deny, by --default-verdict\n/);
    writeFileSync(lonely, list(pod("y/b", "10.0.0.2"), pod("y/b2", "10.0.0.3"), namespace("y", labels)));
    assert.match(await run(), /the default verdict is deny, by the label portcullis\.dev\/default-verdict of its/);
    const report = JSON.parse(await run("-ojson")) as { readonly egress: { readonly defaultFrom: unknown } };
    assert.equal(report.egress.defaultFrom, "label");
  });
});
