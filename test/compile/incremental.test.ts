import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { CompileOptions, NamesOptions } from "../../src/compile/options.ts";
import { createCompiler } from "../../src/compile/incremental.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import { applyChange } from "../../src/ir/apply-change.ts";
import type { RulesetChange } from "../../src/ir/change.ts";
import type { ForwardedConnection } from "../../src/ir/decide.ts";
import { decide, isUnknown } from "../../src/ir/decide.ts";
import type { ChainClause, DomainSetName, Ruleset } from "../../src/ir/ruleset.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { Address } from "../../src/net/address.ts";
import { addressFromValue, familyBits, familyOf, parseAddress } from "../../src/net/address.ts";
import { cidrRange, parseCidr } from "../../src/net/cidr.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import type { Change, Cluster } from "../../src/policy/cluster.ts";
import { tries } from "../property.ts";
import type { Step } from "./random-changes.ts";
import { addressUniverse, changeBy, someChange, someStep } from "./random-changes.ts";
import { frozen, isEmptyChange, rulesetText } from "./ruleset-text.ts";

const addresses = addressUniverse.map((text) => parseAddress(text)).filter((address) => address !== null);
const someAddresses = fc.subarray(addresses, { maxLength: 4 });

const nameLearning: fc.Arbitrary<NamesOptions | null> = fc.option(
  fc.record({
    queue: fc.constant(9053),
    service: fc.constantFrom(null, { namespace: "alpha", name: "web" }, { namespace: "alpha", name: "web" }),
    resolvers: fc.subarray(addresses.slice(0, 3)),
  }),
);

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
  names: nameLearning,
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

function* connections(): Iterable<ForwardedConnection> {
  for (const client of addresses) {
    for (const backend of addresses) {
      if (familyOf(client) !== familyOf(backend)) continue;
      for (const [protocol, port] of kinds) yield { client, backend, protocol, port };
    }
  }
}

/** What may have been learned: half of all addresses for each domain set, others for others. */
function learnedFor(...rulesets: readonly Ruleset[]): ReadonlyMap<DomainSetName, ReadonlySet<Address>> {
  const names = rulesets.flatMap(({ domainSets }) => [...domainSets.keys()]);
  const half = (name: string) => addresses.filter((_, index) => (name.charCodeAt(name.length - 1) >> (index % 5)) & 1);
  return new Map(names.map((name) => [name, new Set(half(name))]));
}

/** Something that was accepted and is not any more. */
function newlyDenied(before: Ruleset, after: Ruleset): ForwardedConnection | null {
  const learned = learnedFor(before, after);
  for (const connection of connections()) {
    if (decide(after, connection, learned) === "deny" && decide(before, connection, learned) === "accept") {
      return connection;
    }
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

/** Lists of one name are one list, shared by the chains that have it, and a name tells the direction. */
function checkLists({ chains }: Ruleset): void {
  const byName = new Map<string, readonly ChainClause[]>();
  for (const { direction, lists, admin, networkPolicy, baseline } of chains.values()) {
    for (const [name, clauses] of [
      [lists.admin, admin],
      [lists.networkPolicy, networkPolicy ?? []],
      [lists.baseline, baseline],
    ] as const) {
      if (name === null) assert.deepEqual(clauses, []);
      else assert.equal(byName.get(`${name} ${direction}`) ?? clauses, clauses, name);
      if (name !== null) byName.set(`${name} ${direction}`, clauses);
    }
  }
  const names = [...byName.keys()].map((key) => key.split(" ")[0]);
  assert.equal(new Set(names).size, names.length, "no list is of both directions");
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
          checkLists(compiler.ruleset());
          checkChange(before, change, whole);
        }
      }),
      tries(400),
    );
  });

  it("learns addresses that pods of the node hold where no range tells, until it is to forget them", () => {
    let unknown = 0;
    const rounds = fc.array(fc.record({ steps: fc.array(someStep, { maxLength: 3 }), forgotten: someAddresses }), {
      minLength: 3,
      maxLength: 15,
      size: "max",
    });
    fc.assert(
      fc.property(options, someAddresses, start, rounds, (chosen, known, first, rest) => {
        const kept = keeper();
        kept.take(first);
        const learned = new Set<Address>(known);
        const settings = { ...chosen, learned };
        const compiler = createCompiler({ ...chosen, learned: new Set(known) });
        const look = (ruleset: Ruleset): Ruleset => {
          const whole = compileWhole(kept.cluster(), settings);
          assert.equal(rulesetText(ruleset), rulesetText(whole), "incremental = whole");
          const { node, endpoints } = whole;
          const single = node.ranges.filter(({ family, bits }) => bits === familyBits(family)).map(cidrRange);
          for (const { family, low } of single) learned.add(addressFromValue(family, low));
          const held = new Set(compiler.learned().flatMap(({ address, held: isHeld }) => (isHeld ? [address] : [])));
          if (chosen.unknownPods === "drop") {
            assert.deepEqual(new Set(compiler.learned().map(({ address }) => address)), learned);
            for (const address of learned) {
              if (isUnknown(whole, address)) unknown += 1;
              else assert.ok(endpoints.has(address) || node.gateways.includes(address));
              if (held.has(address)) assert.ok(endpoints.has(address));
            }
          }
          return whole;
        };
        let before = look(compiler.load(kept.cluster()));
        for (const { steps, forgotten } of rest) {
          const change = compiler.apply(kept.take(steps), forgotten);
          // A pod of the node that holds one is not asked.
          for (const address of forgotten) {
            const holdersHere = compileWhole(kept.cluster(), { ...chosen, unknownPods: "accept" }).endpoints;
            if (!holdersHere.has(address)) learned.delete(address);
          }
          const whole = compileWhole(kept.cluster(), settings);
          checkChange(before, change, whole);
          before = look(frozen(compiler.ruleset()));
        }
      }),
      tries(300),
    );
    assert.ok(unknown > 500, `${unknown} addresses were unknown`);
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
