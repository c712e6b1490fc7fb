import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runBinary } from "../run-binary.ts";

const root = join(import.meta.dirname, "..", "..");
const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root }), ...globSync("examples/**/*.md", { cwd: root })];

interface Shown {
  readonly page: string;
  readonly args: readonly string[];
  readonly output: string;
}

/** Console blocks that show one command which answers from manifests, and what it prints. */
function shownIn(page: string): readonly Shown[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = text.matchAll(/```console\n\$ portcullis ((?:eval|explain) [^\n]*)\n([\s\S]*?)```/g);
  return [...blocks].map(([, words = "", output = ""]) => ({ page, args: words.split(" "), output }));
}

const shown = pages.toSorted().flatMap(shownIn);
/** Programs in tests start elsewhere. */
const fromRoot = (word: string): string => (word.startsWith("examples/") ? join(root, word) : word);

describe("what the docs show", () => {
  it("is there", () => assert.ok(shown.length >= 5));

  for (const { page, args, output } of shown) {
    it(`${page}: ${args.join(" ")}`, async () => {
      const { stdout, stderr } = await runBinary(args.map(fromRoot));
      assert.equal(stdout, output);
      assert.equal(stderr, "");
    });
  }
});
