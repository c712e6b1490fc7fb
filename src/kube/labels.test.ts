import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import { internString } from "./interning.ts";
import { internLabels, labelsEqual, noLabels } from "./labels.ts";

const text = fc.oneof(fc.constantFrom("", "a", "b", "__proto__", "a=b", "=", ","), fc.string({ maxLength: 12 }));
const entries = fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 6 });

describe("interned labels", () => {
  it("are the labels that were given", () => {
    fc.assert(
      fc.property(entries, (list) => {
        assert.deepEqual(
          [...internLabels(list)],
          [...list].sort(([a], [b]) => (a < b ? -1 : 1)),
        );
        assert.deepEqual(internLabels(Object.fromEntries(list)), internLabels(list));
      }),
      tries(1000),
    );
  });

  it("are equal exactly if the given ones are, and then shared", () => {
    fc.assert(
      fc.property(entries, entries, (left, right) => {
        const same =
          left.length === right.length &&
          left.every(([key, value]) => right.some((one) => one[0] === key && one[1] === value));
        assert.equal(labelsEqual(internLabels(left), internLabels(right)), same);
        assert.equal(internLabels(left), internLabels(left.toReversed()));
      }),
      tries(1000),
    );
  });

  it("keep the last of equal keys", () => {
    assert.deepEqual(
      [
        ...internLabels([
          ["a", "1"],
          ["a", "2"],
        ]),
      ],
      [["a", "2"]],
    );
    assert.deepEqual(
      [
        ...internLabels([
          ["a", "1"],
          ["b", "1"],
          ["a", "2"],
        ]),
      ],
      [
        ["a", "2"],
        ["b", "1"],
      ],
    );
    assert.equal(internLabels([]), noLabels);
  });

  it("hold a key named __proto__ like any other", () => {
    const labels = internLabels(JSON.parse('{"__proto__":"x"}') as Record<string, string>);
    assert.deepEqual([...labels], [["__proto__", "x"]]);
  });
});

describe("interned strings", () => {
  it("are the given strings", () => {
    fc.assert(
      fc.property(text, (one) => assert.equal(internString(one), one)),
      tries(300),
    );
    const long = "x".repeat(1 << 20);
    assert.equal(internString(long), long);
  });
});
