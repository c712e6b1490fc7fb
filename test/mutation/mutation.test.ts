import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { mutants } from "./mutants-list.ts";
import type { TreeCopy } from "./tree.ts";
import { copyTree, occurrences, requireSound, tryMutant } from "./tree.ts";

describe("mutants", () => {
  it("each breaks one line that is in the code today", () => {
    assert.ok(mutants.length >= 20);
    assert.deepEqual(
      mutants
        .map((mutant) => `${occurrences(mutant)} times in ${mutant.file}: ${mutant.text}`)
        .filter((text) => !text.startsWith("1 ")),
      [],
    );
  });

  /** All of them: `node test/mutation/mutants.ts`. Here a few, so that the machinery is known to work. */
  describe("a few, against the tests named for the lines of docs/semantics.md", () => {
    const files = ["semantics", "tiers", "tier-rules", "tier-fails-closed", "domains"].map(
      (name) => `src/evaluate/${name}.test.ts`,
    );
    let copy: TreeCopy;
    before(() => {
      copy = copyTree();
    });
    after(() => copy.remove());

    it("no test fails while nothing is broken", () => requireSound(copy, files));
    for (const mutant of mutants
      .filter(({ line }) => !/^(rule|\()/.test(line))
      .filter((_, index) => index % 12 === 0)) {
      it(`caught: ${mutant.line}`, async () => {
        const { caughtBy } = await tryMutant(copy, mutant, files);
        assert.notDeepEqual(caughtBy, []);
      });
    }
  });
});
