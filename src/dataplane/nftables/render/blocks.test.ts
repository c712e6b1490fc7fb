import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { mergeBlocks } from "./blocks.ts";

const interval = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5 }));

/** Disjoint ascending intervals from gaps and lengths, all below 64. */
const blocks = fc.array(
  fc.array(interval, { maxLength: 4 }).map((steps) => {
    let at = 0n;
    return steps.map(([gap, length]) => {
      const low = at + BigInt(gap);
      at = low + BigInt(length) + 1n;
      return { low, high: at - 1n };
    });
  }),
  { maxLength: 4 },
);

describe("blocks of several rules", () => {
  it("are cut so that each address counts for the first rule that has it", () => {
    fc.assert(
      fc.property(blocks, (lists) => {
        const merged = mergeBlocks(lists.map((intervals, index) => ({ counter: `c${index}`, intervals })));
        for (let value = 0n; value < 64n; value++) {
          const naive = lists.findIndex((list) => list.some(({ low, high }) => low <= value && value <= high));
          const found = merged.filter(({ low, high }) => low <= value && value <= high);
          assert.deepEqual(
            found.map(({ counter }) => counter),
            naive === -1 ? [] : [`c${naive}`],
          );
        }
      }),
    );
  });

  it("are as few as can be", () => {
    const piece = (low: bigint, high: bigint) => ({ low, high });
    const merged = mergeBlocks([
      { counter: "a", intervals: [piece(0n, 3n), piece(8n, 9n)] },
      { counter: "b", intervals: [piece(2n, 8n)] },
      { counter: "a", intervals: [piece(10n, 11n)] },
    ]);
    assert.deepEqual(merged, [
      { low: 0n, high: 3n, counter: "a" },
      { low: 4n, high: 7n, counter: "b" },
      { low: 8n, high: 11n, counter: "a" },
    ]);
  });
});
