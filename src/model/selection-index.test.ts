import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { namespaceNames, randomLabels, randomSelection } from "../../test/random-policy.ts";
import { tries } from "../../test/property.ts";
import { internLabels } from "../kube/labels.ts";
import { namespaceNameLabel, nameSelector, selectorOf } from "../kube/selector.ts";
import type { PodSelection } from "./selection.ts";
import { everyPod, selectsPods } from "./selection.ts";
import { createSelectionIndex } from "./selection-index.ts";

const candidate = fc
  .record({ name: fc.constantFrom(...namespaceNames), ofNamespace: randomLabels, labels: randomLabels })
  .map(({ name, ofNamespace, labels }) => ({
    namespace: { name, labels: internLabels({ ...ofNamespace, [namespaceNameLabel]: name }) },
    labels: internLabels(labels),
  }));

const byName: fc.Arbitrary<PodSelection> = fc.record({
  namespaces: fc
    .constantFrom(...namespaceNames)
    .map((name) => ({ kind: "selector" as const, selector: nameSelector(name) })),
  pods: fc.constantFrom(selectorOf([]), selectorOf([{ operator: "Exists", key: "app" }])),
});

it("finds exactly the selections that pick a pod, whatever was added and removed before", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(randomSelection, byName), fc.boolean()), { maxLength: 30, size: "max" }),
      fc.array(candidate, { minLength: 1, maxLength: 5 }),
      (selections, candidates) => {
        const index = createSelectionIndex<number>();
        selections.forEach(([selection], item) => index.add(selection, item));
        selections.forEach(([, stays], item) => {
          if (!stays) index.remove(item);
        });
        for (const one of candidates) {
          const expected = selections.flatMap(([selection, stays], item) =>
            stays && selectsPods(selection, one.namespace, one.labels) ? [item] : [],
          );
          assert.deepEqual(
            index.matching(one).sort((a, b) => a - b),
            expected,
          );
        }
      },
    ),
    tries(500),
  );
});

it("does not look at selections that ask for other labels", () => {
  const index = createSelectionIndex<number>();
  let looked = 0;
  const watched = (value: string): PodSelection => ({
    get namespaces() {
      looked += 1;
      return everyPod.namespaces;
    },
    pods: selectorOf([{ operator: "In", key: "app", values: [value] }]),
  });
  for (let item = 0; item < 1000; item++) index.add(watched(`app-${item}`), item);
  looked = 0;
  const namespace = { name: "alpha", labels: internLabels({ [namespaceNameLabel]: "alpha" }) };
  assert.deepEqual(index.matching({ namespace, labels: internLabels({ app: "app-7" }) }), [7]);
  assert.equal(looked, 1);
});

it("refuses an item that is in already, and one that is not", () => {
  const index = createSelectionIndex<string>();
  index.add(everyPod, "one");
  assert.throws(() => index.add(everyPod, "one"));
  assert.throws(() => index.remove("two"));
});
