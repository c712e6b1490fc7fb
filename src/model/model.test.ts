import assert from "node:assert/strict";
import { it } from "node:test";
import { namespace, pod } from "../../test/ask.ts";
import type { ApiObject } from "../../test/cluster-of.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import type { ObjectKey } from "../kube/objects.ts";
import { takeChange } from "./member-set.ts";
import type { Model } from "./model.ts";
import { createModel } from "./model.ts";
import { everyPod } from "./selection.ts";

function bring(model: Model, object: ApiObject) {
  const [one] = clusterOf([object]).objects;
  assert.ok(one !== undefined);
  return model.apply({ kind: "object", object: one });
}

const goes = (model: Model, key: string) => model.apply({ kind: "gone", key: key as ObjectKey });
const addressesOf = (model: Model) => model.track(everyPod, (_, address) => [address]);

it("replicas that go in any order take their own addresses with them, and no other", () => {
  const model = createModel();
  for (let index = 1; index <= 5; index++) bring(model, pod(`alpha/p${index}`, `10.0.0.${index}`));
  goes(model, "Pod/alpha/p1");
  goes(model, "Pod/alpha/p5");
  goes(model, "Pod/alpha/p2");
  assert.deepEqual([...addressesOf(model).members].sort(), ["10.0.0.3", "10.0.0.4"]);
});

it("a set tells what joined and left since it was asked, not what came and went again", () => {
  const model = createModel();
  bring(model, pod("alpha/one", "10.0.0.1"));
  const set = addressesOf(model);
  bring(model, pod("alpha/two", "10.0.0.2"));
  bring(model, pod("alpha/short", "10.0.0.3"));
  goes(model, "Pod/alpha/short");
  goes(model, "Pod/alpha/one");
  assert.deepEqual(model.takeTouched(), [set]);
  assert.deepEqual(takeChange(set), { join: ["10.0.0.2"], leave: ["10.0.0.1"] });
  assert.deepEqual(model.takeTouched(), []);
});

it("a change that says nothing new does nothing", () => {
  const model = createModel();
  bring(model, pod("alpha/one", "10.0.0.1"));
  assert.deepEqual(bring(model, pod("alpha/one", "10.0.0.1")).moves, []);
  bring(model, namespace("alpha", { team: "a" }));
  assert.equal(bring(model, namespace("alpha", { team: "a" })).relabelled, null);
});
