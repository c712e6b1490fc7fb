import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import { internLabels } from "../../kube/labels.ts";
import type { ClusterObject, Namespace, ObjectKey, Pod } from "../../kube/objects.ts";
import { keyOf } from "../../kube/objects.ts";
import type { Change } from "../../policy/cluster.ts";
import { UnknownNamespaces } from "./unknown-namespaces.ts";

const denies = { "portcullis.dev/default-verdict": "deny" };

function namespace(name: string, labels: Readonly<Record<string, string>> = {}): Namespace {
  return { kind: "Namespace", name, labels: internLabels({ "kubernetes.io/metadata.name": name, ...labels }) };
}

function pod(home: string, name: string): Pod {
  const place = {
    nodeName: "n",
    hostNetwork: false,
    finished: false,
    ready: true,
    addresses: [],
    ports: [],
    owner: null,
  };
  return { kind: "Pod", namespace: home, name, uid: name, created: 0, labels: internLabels({}), ...place };
}

/** What the server has, and what somebody who takes the changes makes of them. */
class World {
  readonly server = new Map<ObjectKey, ClusterObject>();
  readonly reader = new Map<ObjectKey, ClusterObject>();
  readonly unknown = new UnknownNamespaces();

  begin(): void {
    const objects = [...this.server.values()];
    for (const object of [...objects, ...this.unknown.begin(objects)]) this.reader.set(keyOf(object), object);
  }

  batch(there: readonly ClusterObject[], gone: readonly ObjectKey[]): void {
    const going = gone.filter((key) => this.server.has(key));
    for (const object of there) this.server.set(keyOf(object), object);
    for (const key of going) this.server.delete(key);
    const changes = this.unknown.complete(
      there.filter((object) => this.server.has(keyOf(object))).map((object): Change => ({ kind: "object", object })),
      going.map((key): Change => ({ kind: "gone", key })),
      (home) => [...this.server.values()].filter((one) => one.kind === "Pod" && one.namespace === home).map(keyOf),
    );
    for (const change of changes) {
      if (change.kind === "object") this.reader.set(keyOf(change.object), change.object);
      else if (change.kind === "gone") assert.ok(this.reader.delete(change.key), `${change.key} was never there`);
    }
  }

  /** The server's objects, and a closed namespace wherever there are only pods. */
  expected(): Map<ObjectKey, ClusterObject> {
    const all = new Map(this.server);
    for (const one of this.server.values()) {
      if (one.kind !== "Pod") continue;
      const home = namespace(one.namespace, denies);
      if (!this.server.has(keyOf(home))) all.set(keyOf(home), home);
    }
    return all;
  }
}

const home = fc.constantFrom("a", "b");
const object: fc.Arbitrary<ClusterObject> = fc.oneof(
  fc.tuple(home, fc.constantFrom({}, denies, { team: "x" })).map(([name, labels]) => namespace(name, labels)),
  fc.tuple(home, fc.constantFrom("p", "q")).map(([place, name]) => pod(place, name)),
);
const batches = fc.array(fc.record({ there: fc.array(object), gone: fc.array(object.map(keyOf)) }), { maxLength: 12 });

describe("namespaces that were not told of yet", () => {
  it("deny by default, from the first pod on until the Namespace is told or the last pod is gone", () => {
    const world = new World();
    world.begin();
    world.batch([pod("a", "p"), pod("a", "q")], []);
    assert.deepEqual(world.reader.get("Namespace/a" as ObjectKey), namespace("a", denies));
    world.batch([namespace("a")], []);
    assert.deepEqual(world.reader.get("Namespace/a" as ObjectKey), namespace("a"));
    world.batch([], ["Namespace/a" as ObjectKey]);
    assert.deepEqual(world.reader.get("Namespace/a" as ObjectKey), namespace("a", denies));
    world.batch([], ["Pod/a/p", "Pod/a/q"] as ObjectKey[]);
    assert.deepEqual([...world.reader.keys()], []);
  });

  it("stand in for exactly those that have pods and are not known, whatever comes in whatever order", () => {
    fc.assert(
      fc.property(fc.array(object), batches, (first, rest) => {
        const world = new World();
        for (const one of first) world.server.set(keyOf(one), one);
        world.begin();
        assert.deepEqual(world.reader, world.expected());
        for (const { there, gone } of rest) {
          const last = new Map(there.map((one) => [keyOf(one), one]));
          world.batch([...last.values()], [...new Set(gone)]);
          assert.deepEqual(world.reader, world.expected());
        }
      }),
      tries(500),
    );
  });
});
