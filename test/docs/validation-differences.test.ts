import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { fieldErrorText } from "../../src/kube/field-error.ts";
import { policyKinds } from "../../src/policy/kinds.ts";
import { knownDifferences, knownWordings } from "../apiserver/known-differences.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "validation-differences.md"), "utf8");

it("the page of differences in validation names those that the tests with an API server know, and no others", () => {
  const headings = [...page.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
  assert.deepEqual(
    headings,
    [...knownDifferences, ...knownWordings].map(({ title }) => title),
  );
});

it("what only we refuse we do refuse", () => {
  for (const { title, ours, example } of knownDifferences) {
    const kind = policyKinds.find((one) => one.kind === example["kind"]);
    const errors = kind?.decode(example).errors.map(fieldErrorText) ?? [];
    assert.ok(errors.length > 0 && errors.every((message) => ours.test(message)), `${title}: ${errors.join("; ")}`);
  }
});
