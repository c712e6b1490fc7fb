import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { networkPolicy, node, pod, service } from "../../test/ask.ts";
import { schemaErrors } from "../../test/json-schema.ts";
import { binary, runBinary } from "../../test/run-binary.ts";
import { baselineAdminNetworkPolicy, clusterNetworkPolicy } from "../../test/tier-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-eval-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function manifest(name: string, ...items: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  return path;
}
const closed = networkPolicy("x/closed", { podSelector: {} });
const objects = manifest("objects.json", pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2"), closed);
const query = (id: number, to = "x/a") => `${JSON.stringify({ id, from: "y/b", to, protocol: "TCP", port: 80 })}\n`;
const answers = (stdout: string) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { id: unknown; verdict?: string; error?: string });

describe("portcullis eval", () => {
  it("answers in order; denied is no failure", async () => {
    const { code, stdout, stderr } = await runBinary(
      ["eval", "-f", objects, "--queries", "-"],
      query(2) + query(1, "y/b"),
    );
    assert.deepEqual([code, stderr], [0, ""]);
    for (const answer of answers(stdout)) assert.deepEqual(schemaErrors(answer, "eval.json"), []);
    assert.deepEqual(
      answers(stdout).map(({ id, verdict }) => [id, verdict]),
      [
        [2, "deny"],
        [1, "allow"],
      ],
    );
  });

  it("reads queries from a file, and manifests from stdin", async () => {
    const queries = join(folder, "queries.jsonl");
    writeFileSync(queries, query(1));
    const list = JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2")],
    });
    const { code, stdout } = await runBinary(["eval", "-f", "-", "--queries", queries], list);
    assert.deepEqual([code, answers(stdout)[0]?.verdict], [0, "allow"]);
  });

  it("answers the others where one cannot be answered, and ends with 3", async () => {
    const { code, stdout, stderr } = await runBinary(
      ["eval", "-f", objects],
      `${query(1, "x/none")}{broken\n\n${query(2)}`,
    );
    assert.equal(code, 3);
    for (const answer of answers(stdout)) assert.deepEqual(schemaErrors(answer, "eval.json"), []);
    assert.deepEqual(
      answers(stdout).map(({ id, verdict, error }) => [id, verdict, typeof error]),
      [
        [1, undefined, "string"],
        [null, undefined, "string"],
        [2, "deny", "undefined"],
      ],
    );
    assert.match(stderr, /2 queries could not be answered/);
  });

  it("reports invalid objects on stderr with their place; the answers stand, the exit code is 3", async () => {
    const bad = manifest(
      "bad.json",
      networkPolicy("x/bad", { podSelector: {}, ingress: [{ ports: [{ port: 70000 }] }] }),
    );
    const { code, stdout, stderr } = await runBinary(["eval", "-f", objects, "-f", bad], query(1));
    assert.deepEqual([code, answers(stdout)[0]?.verdict], [3, "deny"]);
    assert.match(
      stderr,
      /bad\.json:\d+:\d+: NetworkPolicy\/x\/bad: spec\.ingress\[0\]\.ports\[0\]\.port: Invalid value: 70000/,
    );
  });

  it("ends with 3 where files cannot be read, with 2 where it is used wrongly", async () => {
    assert.equal((await runBinary(["eval", "-f", join(folder, "none")], query(1))).code, 3);
    for (const queries of [join(folder, "none"), folder]) {
      const { code, stderr } = await runBinary(["eval", "-f", objects, "--queries", queries]);
      assert.deepEqual([code, stderr.startsWith("portcullis: queries: ")], [3, true]);
    }
    for (const args of [
      ["eval", "-f", objects, "--context", "x"],
      ["eval", "--nonsense"],
      ["nonsense"],
      ["eval", "-f", "-", "--queries", "-"],
    ]) {
      const { code, stdout, stderr } = await runBinary(args);
      assert.deepEqual([code, stdout, stderr === ""], [2, "", false], args.join(" "));
    }
    assert.equal((await runBinary(["--help"])).code, 0);
  });

  it("takes -f=FILE as users of kubectl type it, and the flags of rules 10 and 12", async () => {
    const nameless = join(folder, "nameless.json");
    const { namespace: _, ...metadata } = pod("x/c", "10.0.0.3").metadata as { namespace: string };
    writeFileSync(nameless, JSON.stringify({ ...pod("x/c", "10.0.0.3"), metadata }));
    assert.equal((await runBinary(["eval", "-f", objects, "-f", nameless, "-n=z"], query(1, "z/c"))).code, 0);
    const { stdout } = await runBinary(
      ["eval", `-f=${objects}`, "--default-verdict", "deny"],
      query(1, "y/b") + query(2, "203.0.113.1"),
    );
    assert.deepEqual(
      answers(stdout).map(({ verdict }) => verdict),
      ["allow", "deny"],
    );
  });

  it("answers across the tiers, for names, nodes and Services, exactly as the contract says", async () => {
    const subject = { namespaces: {} };
    const tiers = manifest(
      "tiers.json",
      pod("x/a", "10.0.0.1", { labels: { app: "a" } }),
      pod("y/b", "10.0.0.2"),
      node("n1", ["192.168.0.1"]),
      service("x/svc", [{ port: 80, targetPort: 8080 }], { selector: { app: "a" }, clusterIP: "10.96.0.1" }),
      clusterNetworkPolicy("p", {
        tier: "Admin",
        priority: 1,
        subject,
        egress: [
          { name: "updates", action: "Accept", to: [{ domainNames: ["*.example.org"] }] },
          { action: "Pass", to: [subject] },
          { action: "Deny", to: [{ nodes: {} }] },
        ],
      }),
      baselineAdminNetworkPolicy({ subject, ingress: [{ action: "Allow", from: [subject] }] }),
      closed,
    );
    const ask = (id: number, from: string, to: string) =>
      `${JSON.stringify({ id, from, to, protocol: "TCP", port: 80 })}\n`;
    const queries = [
      ask(1, "y/b", "dns/www.example.org"),
      ask(2, "y/b", "dns/other.test"),
      ask(3, "y/b", "node/n1"),
      ask(4, "y/b", "x/svc/svc"),
      ask(5, "x/a", "10.0.0.2"),
    ].join("");
    const { code, stdout } = await runBinary(["eval", "-f", tiers, "--default-verdict=deny"], queries);
    assert.equal(code, 0);
    const part = (verdict: string, tier: string, decidedBy: string | null, isolatedBy = "[]") =>
      `{"verdict":"${verdict}","tier":"${tier}","isolatedBy":${isolatedBy},"decidedBy":${decidedBy}}`;
    const rule = (index: number, name = "") => `{"policy":"ClusterNetworkPolicy/p","rule":${index}${name}}`;
    const nobody = part("allow", "none", null);
    const lines = [
      ["allow", part("allow", "admin", rule(0, ',"ruleName":"updates"')), nobody],
      ["deny", part("deny", "default", null), nobody],
      ["deny", part("deny", "admin", rule(2)), nobody],
      ["deny", part("deny", "default", null), part("deny", "networkpolicy", null, '["NetworkPolicy/x/closed"]')],
      [
        "deny",
        part("deny", "default", null),
        part("allow", "baseline", '{"policy":"BaselineAdminNetworkPolicy/default","rule":0}'),
      ],
    ].map(
      ([verdict, egress, ingress], index) =>
        `{"id":${index + 1},"verdict":"${verdict}","egress":${egress},"ingress":${ingress}}\n`,
    );
    assert.equal(stdout, lines.join(""));
    for (const answer of answers(stdout)) assert.deepEqual(schemaErrors(answer, "eval.json"), []);
  });

  it("answers each query when it comes, before the next one is asked", async () => {
    const child = spawn(process.execPath, [binary, "eval", "-f", objects], { stdio: ["pipe", "pipe", "inherit"] });
    for (const id of [1, 2]) {
      child.stdin.write(query(id));
      const text = await new Promise<string>((resolve) =>
        child.stdout.once("data", (chunk: Buffer) => resolve(String(chunk))),
      );
      assert.equal(answers(text)[0]?.id, id);
    }
    child.stdin.end();
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 0);
  });

  it("ends quietly when nobody reads on", async () => {
    const child = spawn(process.execPath, [binary, "eval", "-f", objects], { stdio: ["pipe", "pipe", "pipe"] });
    const stderr: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => undefined);
    child.stdout.once("data", () => child.stdout.destroy());
    child.stdin.end(query(1).repeat(50_000));
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.deepEqual([code, Buffer.concat(stderr).toString()], [0, ""]);
  });
});
