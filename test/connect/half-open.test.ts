import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { runProgram } from "../../src/system/program.ts";
import { noNamespaces, ownNamespace } from "../own-namespace.ts";

interface Report {
  readonly quiet: string | null;
  readonly results: readonly { readonly version: string; readonly milliseconds: number; readonly message: string }[];
}

it("a silent watch breaks within 30 s of the moment that packets are lost", { skip: noNamespaces }, async (t) => {
  const namespace = ownNamespace();
  try {
    namespace.run("ip", ["link", "set", "lo", "up"]);
    const site = join(import.meta.dirname, "half-open-site.ts");
    const args = ["netns", "exec", namespace.name, process.execPath, site];
    const { code, stdout, stderr } = await runProgram("ip", args, { timeLimit: 60_000 });
    assert.equal(code, 0, stderr);
    const { quiet, results } = JSON.parse(stdout) as Report;
    assert.equal(quiet, null);
    for (const { version, milliseconds, message } of results) {
      t.diagnostic(`${version}: ${milliseconds} ms: ${message}`);
      assert.ok(milliseconds < 30_000);
    }
    assert.equal(results.length, 2);
  } finally {
    namespace.remove();
  }
});
