import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..", "..");
const pure = ["net", "kube", "model", "policy", "ir", "compile", "evaluate", "names", "lint", "picture"];

it("the left half bundles for a browser", async () => {
  const files = globSync(`src/{${pure.join(",")}}/**/*.ts`, { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
  assert.ok(files.length > 10);
  const contents = files.map((file, index) => `export * as m${index} from "./${file}";`).join("\n");
  const result = await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    logLevel: "silent",
  });
  assert.deepEqual(result.errors, []);
  const text = result.outputFiles[0]?.text ?? "";
  assert.ok(!/\b(?:Buffer|process)\s*\./.test(text), "Node's globals are used in pure code");
});
