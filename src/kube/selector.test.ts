import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import { internLabels } from "./labels.ts";
import type { Requirement } from "./selector.ts";
import {
  equalitySelector,
  everything,
  formatSelector,
  matches,
  nameSelector,
  selectorKey,
  selectorOf,
} from "./selector.ts";

const keys = ["a", "b", "__proto__", "constructor"];
const values = ["", "x", "y", "a,b"];
const key = fc.constantFrom(...keys);
const someValues = fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 4 });
const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.record({ operator: fc.constantFrom("In" as const, "NotIn" as const), key, values: someValues }),
  fc.record({ operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const), key }),
);
const requirements = fc.array(requirement, { maxLength: 4 });
const entries = fc.uniqueArray(fc.tuple(key, fc.constantFrom(...values)), { selector: ([name]) => name });

/** The naive model, word for word after the API reference. */
function selected(list: readonly Requirement[], labels: readonly (readonly [string, string])[]): boolean {
  return list.every((one) => {
    const own = labels.filter(([name]) => name === one.key).map(([, value]) => value);
    if (one.operator === "Exists") return own.length > 0;
    if (one.operator === "DoesNotExist") return own.length === 0;
    const among = own.some((value) => one.values.includes(value));
    return one.operator === "In" ? among : !among;
  });
}

/** Requirements as a set of texts, values as a set too. */
function spelled(list: readonly Requirement[]): Set<string> {
  const texts = list.map((one) => {
    const among = "values" in one ? [...new Set(one.values)].sort() : [];
    return `${one.operator} ${one.key} ${JSON.stringify(among)}`;
  });
  return new Set(texts);
}

describe("selectors", () => {
  it("match as the API reference says", () => {
    fc.assert(
      fc.property(requirements, entries, (list, labels) => {
        assert.equal(matches(selectorOf(list), internLabels(labels)), selected(list, labels));
      }),
      tries(2000),
    );
  });

  it("match an object without the key when the operator is NotIn or DoesNotExist", () => {
    const none = internLabels([]);
    assert.ok(matches(selectorOf([{ operator: "NotIn", key: "a", values: ["x"] }]), none));
    assert.ok(matches(selectorOf([{ operator: "DoesNotExist", key: "a" }]), none));
    assert.ok(!matches(selectorOf([{ operator: "In", key: "a", values: [""] }]), none));
    assert.ok(matches(everything, none));
  });

  it("have one key exactly if they are the same requirements in any order, with doubles", () => {
    fc.assert(
      fc.property(requirements, requirements, (left, right) => {
        const shuffled = [...left, ...left].toReversed();
        assert.equal(selectorKey(selectorOf(shuffled)), selectorKey(selectorOf(left)));
        const same = spelled(left).symmetricDifference(spelled(right)).size === 0;
        assert.equal(selectorKey(selectorOf(left)) === selectorKey(selectorOf(right)), same);
      }),
      tries(1000),
    );
  });

  it("print as kubectl prints them", () => {
    assert.equal(formatSelector(everything), "<none>");
    const selector = selectorOf([
      { operator: "DoesNotExist", key: "legacy" },
      { operator: "In", key: "tier", values: ["b", "a"] },
      { operator: "In", key: "app", values: ["web"] },
      { operator: "NotIn", key: "env", values: ["dev"] },
      { operator: "Exists", key: "zone" },
    ]);
    assert.equal(formatSelector(selector), "app=web,env notin (dev),!legacy,tier in (a,b),zone");
  });

  it("of names and equalities are plain requirements", () => {
    assert.equal(formatSelector(nameSelector("prod")), "kubernetes.io/metadata.name=prod");
    assert.equal(
      formatSelector(
        equalitySelector([
          ["b", "2"],
          ["a", "1"],
        ]),
      ),
      "a=1,b=2",
    );
  });
});
