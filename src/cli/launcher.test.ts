import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, describe, it } from "node:test";
import { networkPolicy, pod } from "../../test/ask.ts";
import { schemaErrors } from "../../test/json-schema.ts";
import { binary, runBinary } from "../../test/run-binary.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-launcher-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const objects = join(folder, "objects.json");
const items = [pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2"), networkPolicy("x/closed", { podSelector: {} })];
writeFileSync(objects, JSON.stringify({ apiVersion: "v1", kind: "List", items }));

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
      assert.equal(code, 0);
      assert.deepEqual(schemaErrors(JSON.parse(stdout), "version.json"), []);
      assert.equal((await runBinary(["eval", "--no-such-flag"], "", older)).code, 2);
    },
  );

  it("passes SIGTERM on, and ends as the program does", { skip: older === null && "no older Node here" }, async () => {
    const child = spawn(older ?? "", [binary, "eval", "-f", objects], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.write(`{"id":1,"from":"y/b","to":"x/a","protocol":"TCP","port":80}\n`);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 128 + 15);
  });
});
