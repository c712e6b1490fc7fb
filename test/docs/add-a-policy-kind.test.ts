import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("the page on policy kinds of one's own shows the example as it is", () => {
  const files = ["quarantine.ts", "quarantine.yaml", "quarantine.test.ts"];
  const example = files.map((name) => read(`examples/own-policy-kind/${name}`)).join("\n");
  const blocks = [...read("docs/add-a-policy-kind.md").matchAll(/```(?:ts|yaml)\n([\s\S]*?)```/g)];
  assert.ok(blocks.length >= 5);
  for (const [, shown = ""] of blocks) assert.ok(example.includes(shown), shown);
});
