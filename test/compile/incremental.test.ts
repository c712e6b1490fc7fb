import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { CompileOptions } from "../../src/compile/options.ts";
import { createCompiler } from "../../src/compile/incremental.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import { applyChange } from "../../src/ir/apply-change.ts";
import type { RulesetChange } from "../../src/ir/change.ts";
import type { ForwardedConnection } from "../../src/ir/decide.ts";
import { decide } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { Address } from "../../src/net/address.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Change, Cluster } from "../../src/policy/cluster.ts";
import { tries } from "../property.ts";
import type { Step } from "./random-changes.ts";
import { addressUniverse, changeBy, someChange, someStep } from "./random-changes.ts";
import { frozen, isEmptyChange, rulesetText } from "./ruleset-text.ts";

const options: fc.Arbitrary<CompileOptions> = fc.record({
  nodeName: fc.constant("node-1"),
  podCidrs: fc.option(
    fc
      .constantFrom("10.244.1.0/24", "fd00:10:244:1::/64")
      .map((text) => [parseCidr(text)].filter((one) => one !== null)),
    { freq: 2 },
  ),
  unknownPods: fc.constantFrom("drop" as const, "accept" as const),
  established: fc.constant("cut" as const),
  defaultVerdict: fc.constantFrom("accept" as const, "accept" as const, "deny" as const),
  logGroup: fc.constantFrom(null, 9080),
  exemptNamespaces: fc.constantFrom(new Set<string>(), new Set<string>(), new Set(["beta"])),
});

/** The cluster as it should be after changes, kept in the plainest way. */
function keeper() {
  const objects = new Map<string, Cluster["objects"][number]>();
  const policies = new Map<string, Cluster["policies"][number]>();
  const cluster = (): Cluster => ({ objects: [...objects.values()], policies: [...policies.values()] });
  const apply = (change: Change): void => {
    if (change.kind === "object") objects.set(keyOf(change.object), change.object);
    else if (change.kind === "policy") policies.set(change.policy.id, change.policy);
    else if (!objects.delete(change.key)) policies.delete(change.key);
  };
  /** Applies steps one after the other; gives the changes they were. */
  const take = (steps: readonly Step[]): readonly Change[] =>
    steps.flatMap((step) => {
      const changes = changeBy(step, cluster());
      changes.forEach(apply);
      return changes;
    });
  return { take, cluster };
}

const kinds: readonly (readonly [Protocol, number])[] = [
  ["TCP", 80],
  ["TCP", 8080],
  ["UDP", 53],
  ["SCTP", 9001],
  ["ICMP", 0],
];

const addresses = addressUniverse.map((text) => parseAddress(text)).filter((address) => address !== null);

function* connections(): Iterable<ForwardedConnection> {
  for (const client of addresses) {
    for (const backend of addresses) {
      if (familyOf(client) !== familyOf(backend)) continue;
      for (const [protocol, port] of kinds) yield { client, backend, protocol, port };
    }
  }
}

/** Something that was accepted and is not any more. */
function newlyDenied(before: Ruleset, after: Ruleset): ForwardedConnection | null {
  for (const connection of connections()) {
    if (decide(after, connection) === "deny" && decide(before, connection) === "accept") return connection;
  }
  return null;
}

/** An address that now belongs to another pod of the node, or to none. */
function newlyOwned(before: Ruleset, after: Ruleset): Address | null {
  for (const [address, endpoint] of before.endpoints) {
    if (after.endpoints.get(address)?.pod !== endpoint.pod) return address;
  }
  return null;
}

function checkChange(before: Ruleset, change: RulesetChange, after: Ruleset): void {
  const text = rulesetText(after);
  assert.equal(rulesetText(applyChange(before, change)), text, "old + change = new");
  if (text === rulesetText(before)) {
    assert.ok(isEmptyChange(change), "no difference, no change");
    assert.equal(change.canDeny, false, "what changes nothing denies nothing");
  }
  for (const endpoint of change.endpoints) assert.notDeepEqual(endpoint, before.endpoints.get(endpoint.address));
  for (const { join, leave } of [...change.groups, ...change.pairSets]) {
    assert.ok(join.length + leave.length > 0, "sets without a change are not spoken of");
  }
  if (!change.canDeny) {
    assert.equal(newlyDenied(before, after), null, "canDeny is false only where nothing is denied anew");
    assert.equal(newlyOwned(before, after), null, "canDeny is false only where no address changes hands");
  }
}

const batches = fc.array(fc.array(someStep, { minLength: 1, maxLength: 4 }), {
  minLength: 3,
  maxLength: 15,
  size: "max",
});
const start = fc.array(someChange, { minLength: 5, maxLength: 60, size: "max" });

describe("the incremental compiler", () => {
  it("gives what compiling the whole gives, after any changes, and says exactly what they changed", () => {
    fc.assert(
      fc.property(options, start, batches, (settings, first, rest) => {
        const kept = keeper();
        kept.take(first);
        const compiler = createCompiler(settings);
        const loaded = compiler.load(kept.cluster());
        assert.equal(rulesetText(loaded), rulesetText(compileWhole(kept.cluster(), settings)), "load");
        for (const batch of rest) {
          const before = frozen(compiler.ruleset());
          const change = compiler.apply(kept.take(batch));
          const whole = compileWhole(kept.cluster(), settings);
          assert.equal(rulesetText(compiler.ruleset()), rulesetText(whole), "incremental = whole");
          checkChange(before, change, whole);
        }
      }),
      tries(400),
    );
  });

  it("says that nothing can be denied where only more is allowed", () => {
    // Else canDeny could be true always, and every change would have all connections decided again.
    let harmless = 0;
    let all = 0;
    fc.assert(
      fc.property(start, batches, (first, rest) => {
        const compiler = createCompiler({
          nodeName: "node-1",
          podCidrs: null,
          unknownPods: "drop",
          established: "cut",
          defaultVerdict: "accept",
          logGroup: null,
        });
        const kept = keeper();
        compiler.load({ objects: [], policies: [] });
        compiler.apply(kept.take(first));
        for (const batch of rest) {
          const change = compiler.apply(kept.take(batch));
          if (isEmptyChange(change)) continue;
          all += 1;
          if (!change.canDeny) harmless += 1;
        }
      }),
      tries(100),
    );
    assert.ok(harmless > all / 20, `${harmless} of ${all} changes cannot deny`);
  });
});
