import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, describe, it } from "node:test";
import { networkPolicy, pod } from "../../test/ask.ts";
import { binary, runBinary } from "../../test/run-binary.ts";

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
    assert.equal((await runBinary(["eval", "-f", objects, "--queries", join(folder, "none")])).code, 3);
    for (const args of [["eval"], ["eval", "--nonsense"], ["nonsense"], ["eval", "-f", "-", "--queries", "-"]]) {
      const { code, stdout, stderr } = await runBinary(args);
      assert.deepEqual([code, stdout, stderr === ""], [2, "", false], args.join(" "));
    }
    assert.equal((await runBinary(["--help"])).code, 0);
  });

  it("takes -f=FILE as users of kubectl type it, and the flags of rules 10 and 12", async () => {
    const { stdout } = await runBinary(
      ["eval", `-f=${objects}`, "--default-verdict", "deny"],
      query(1, "y/b") + query(2, "203.0.113.1"),
    );
    assert.deepEqual(
      answers(stdout).map(({ verdict }) => verdict),
      ["allow", "deny"],
    );
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
});

/** A Node before 24 in the PATH, where the machine has one. */
function olderNode(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/bin", "/usr/local/bin");
  const isOlder = (node: string) => {
    const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
    return Number(/^v(\d+)\./.exec(stdout ?? "")?.[1] ?? 99) < 24;
  };
  return folders.map((one) => join(one, "node")).find((node) => existsSync(node) && isOlder(node)) ?? null;
}

describe("the launcher", () => {
  const older = olderNode();
  it(
    "starts Node 24 where `node` is older, and gives its exit code",
    { skip: older === null && "no older Node here" },
    async () => {
      if (older === null) return;
      const { code, stdout } = await runBinary(["version", "-ojson"], "", older);
      assert.deepEqual([code, (JSON.parse(stdout) as { kind: string }).kind], [0, "Version"]);
      assert.equal((await runBinary(["eval"], "", older)).code, 2);
    },
  );

  it("passes SIGTERM on, and ends as the program does", { skip: older === null && "no older Node here" }, async () => {
    const child = spawn(older ?? "", [binary, "eval", "-f", objects], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.write(query(1));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 128 + 15);
  });
});
