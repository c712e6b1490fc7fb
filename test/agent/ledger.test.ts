import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Ledger, createLedger } from "../../src/agent/ledger.ts";
import type { ObjectKey } from "../../src/kube/objects.ts";
import type { Change, PolicyVersion } from "../../src/policy/cluster.ts";
import { tries } from "../property.ts";
import { policyNamed } from "./scripted.ts";

const versionOf = (resourceVersion: number): PolicyVersion => ({
  uid: "u",
  generation: resourceVersion,
  resourceVersion: String(resourceVersion),
});
const upsert = (name: string, version: number): Change => ({
  kind: "policy",
  policy: policyNamed(name),
  version: versionOf(version),
});
const gone = (name: string): Change => ({ kind: "gone", key: `NetworkPolicy/a/${name}` as ObjectKey });
const clusterOf = (...named: readonly (readonly [string, number])[]) => ({
  objects: [],
  policies: named.map(([name]) => policyNamed(name)),
  versions: new Map(named.map(([name, version]) => [policyNamed(name).id, versionOf(version)])),
});

const shown = (ledger: Ledger) =>
  Object.fromEntries(
    [...ledger.entries()].map(({ id, version, inForce, standing }) => [
      id.slice("NetworkPolicy/a/".length),
      `${standing} ${version?.resourceVersion ?? "-"} ${inForce?.resourceVersion ?? "-"}`,
    ]),
  );

function started() {
  let source = "1";
  const ledger = createLedger({ now: () => 5, resourceVersions: () => new Map([["pods", source]]) });
  return { ledger, at: (version: string) => void (source = version) };
}

describe("the ledger of policies", () => {
  it("a version is in force when the kernel has it, and not before", () => {
    const { ledger, at } = started();
    ledger.restart(clusterOf(["p", 1], ["q", 2]));
    assert.deepEqual(shown(ledger), { p: "pending 1 -", q: "pending 2 -" });
    ledger.compiled();
    assert.equal(ledger.inForce(), null);
    ledger.settled("d0");
    assert.deepEqual(shown(ledger), { p: "current 1 1", q: "current 2 2" });
    at("7");
    ledger.note([upsert("p", 3)]);
    ledger.compiled();
    assert.deepEqual(shown(ledger), { p: "pending 3 1", q: "current 2 2" });
    assert.equal(ledger.inForce()?.resourceVersions.get("pods"), "1");
    ledger.settled("d1");
    assert.deepEqual(shown(ledger), { p: "current 3 3", q: "current 2 2" });
    assert.deepEqual(ledger.inForce(), { digest: "d1", at: 5, resourceVersions: new Map([["pods", "7"]]) });
  });

  it("what comes while the kernel is busy is not in force with what it is busy with", () => {
    const { ledger } = started();
    ledger.restart(clusterOf(["p", 1]));
    ledger.compiled();
    ledger.note([upsert("p", 2), upsert("r", 3)]);
    ledger.settled("d0");
    assert.deepEqual(shown(ledger), { p: "pending 2 -", r: "pending 3 -" });
    ledger.compiled();
    ledger.settled("d1");
    assert.deepEqual(shown(ledger), { p: "current 2 2", r: "current 3 3" });
  });

  it("one that was deleted is leaving until the kernel has let it go", () => {
    const { ledger } = started();
    ledger.restart(clusterOf(["p", 1]));
    ledger.compiled();
    ledger.settled("d0");
    ledger.note([gone("p"), gone("never-there")]);
    ledger.compiled();
    assert.deepEqual(shown(ledger), { p: "leaving 1 1" });
    ledger.settled("d1");
    assert.deepEqual(shown(ledger), {});
  });

  it("a fresh start keeps what the kernel has in mind", () => {
    const { ledger } = started();
    ledger.restart(clusterOf(["p", 1], ["q", 1]));
    ledger.compiled();
    ledger.settled("d0");
    ledger.restart(clusterOf(["p", 2]));
    assert.deepEqual(shown(ledger), { p: "pending 2 1", q: "leaving 1 1" });
    ledger.compiled();
    ledger.settled("d1");
    assert.deepEqual(shown(ledger), { p: "current 2 2" });
  });

  it("one that is edited while the source is lost, and is not there any more, is leaving all the same", () => {
    const { ledger } = started();
    ledger.restart(clusterOf(["p", 1]));
    ledger.compiled();
    ledger.settled("d0");
    ledger.note([upsert("p", 2)]);
    ledger.restart(clusterOf());
    assert.deepEqual(shown(ledger), { p: "leaving 2 1" });
  });

  it("a kernel that was emptied has nothing in force until it has it again", () => {
    const { ledger } = started();
    ledger.restart(clusterOf(["p", 1], ["q", 1]));
    ledger.compiled();
    ledger.settled("d0");
    ledger.note([gone("q")]);
    ledger.emptied();
    assert.deepEqual(shown(ledger), { p: "pending 1 -" });
    assert.equal(ledger.inForce(), null);
    ledger.compiled();
    ledger.settled("d0");
    assert.deepEqual(shown(ledger), { p: "current 1 1" });
    assert.equal(ledger.inForce()?.digest, "d0");
  });

  it("after everything has settled it says what a fresh one says", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("note" as const), name: fc.constantFrom("p", "q", "r"), gone: fc.boolean() }),
      ...(["compiled", "settled", "restart"] as const).map((kind) => fc.record({ kind: fc.constant(kind) })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { ledger } = started();
        const truth = new Map<string, number>();
        let turn = 0;
        ledger.restart(clusterOf());
        for (const one of steps) {
          turn += 1;
          if (one.kind === "note") {
            if (one.gone) truth.delete(one.name);
            else truth.set(one.name, turn);
            ledger.note([one.gone ? gone(one.name) : upsert(one.name, turn)]);
          } else if (one.kind === "compiled") ledger.compiled();
          else if (one.kind === "settled") ledger.settled(`d${turn}`);
          else ledger.restart(clusterOf(...truth));
          for (const { standing, version, inForce } of ledger.entries())
            if (standing === "current") assert.deepEqual(inForce, version);
        }
        ledger.compiled();
        ledger.settled("end");
        const expected = [...truth].map(([name, version]) => [name, `current ${version} ${version}`]);
        assert.deepEqual(shown(ledger), Object.fromEntries(expected));
        assert.equal(ledger.size(), truth.size);
        assert.equal(ledger.entry("NetworkPolicy/a/none"), null);
      }),
      tries(300),
    );
  });
});
