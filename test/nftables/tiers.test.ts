import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { changeSteps } from "../../src/dataplane/nftables/change.ts";
import { diffPrograms } from "../../src/dataplane/nftables/diff.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import { kernelName } from "../../src/dataplane/nftables/names.ts";
import type { Program } from "../../src/dataplane/nftables/program.ts";
import { programText } from "../../src/dataplane/nftables/text.ts";
import { decide, decideDirection, type ForwardedConnection } from "../../src/ir/decide.ts";
import type { Chain, Ruleset } from "../../src/ir/ruleset.ts";
import { tries } from "../property.ts";
import { outcomeOf } from "./forwarded.ts";
import { ModelKernel } from "./model-kernel.ts";
import { changeOf, connections, manyPeers, rulesetOf, someMembers, someState, type TierState } from "./random-tiers.ts";

const layout = markLayout(0xffff0000);

const verdictIn = (program: Program, connection: ForwardedConnection, mark = 0): "accept" | "deny" =>
  outcomeOf(program, connection, mark).verdict === "accept" ? "accept" : "deny";

/** The counters of all rules of the ordered tiers that match first: of a pass too, and of what follows it. */
function expectedCounters(ruleset: Ruleset, connection: ForwardedConnection): string[] {
  const counters: string[] = [];
  for (const [direction, address, peer] of [
    ["egress", connection.client, connection.backend],
    ["ingress", connection.backend, connection.client],
  ] as const) {
    const name = ruleset.endpoints.get(address)?.[direction] ?? null;
    const chain = name === null ? undefined : ruleset.chains.get(name);
    if (chain === undefined) continue;
    for (const tier of ["admin", "baseline"] as const) {
      if (tier === "baseline" && chain.networkPolicy !== null) continue;
      const { clause } = alone(ruleset, chain, tier, peer, connection);
      if (clause === null) continue;
      counters.push(kernelName(`${clause.policy}/${direction === "ingress" ? "in" : "eg"}/${clause.rule}`));
      if (clause.action !== "pass") break;
    }
    if (decideDirection(ruleset, name, peer, connection).verdict === "deny") break;
  }
  return counters;
}

/** What a tier does alone: with every pass as an accept, so that the clause is told. */
function alone(
  ruleset: Ruleset,
  chain: Chain,
  tier: "admin" | "baseline",
  peer: ForwardedConnection["client"],
  connection: ForwardedConnection,
): ReturnType<typeof decideDirection> {
  const admin = chain[tier].map((clause) => ({ ...clause, action: "accept" as const }));
  const bare: Chain = { ...chain, admin, networkPolicy: null, baseline: [], fallback: "accept" };
  const found = decideDirection({ ...ruleset, chains: new Map([[chain.name, bare]]) }, chain.name, peer, connection);
  const clause = chain[tier].find(({ policy }) => policy === found.clause?.policy) ?? null;
  return { ...found, clause };
}

/** Where the packet's rules are those of `rules`, and sets are asked in `first` up to a lookup, then in `then`. */
function turning(rules: Program, first: Program, then: Program, lookups: number): Program {
  let asked = 0;
  const sets = {
    get: (name: string) => (asked++ < lookups ? (first.sets.get(name) ?? then.sets.get(name)) : then.sets.get(name)),
  };
  return { ...rules, sets: sets as unknown as Program["sets"] };
}

const mostLookups = 16;

describe("ordered tiers in the kernel", () => {
  it("decide as the Ruleset does, and count for the first rule that matches", () => {
    let unions = 0;
    fc.assert(
      fc.property(someState, (state) => {
        const ruleset = rulesetOf(state);
        const { program } = new Mirror("portcullis", layout, 1, ruleset);
        unions += [...program.sets.keys()].filter((name) => name.startsWith("union-")).length;
        for (const connection of connections) {
          const outcome = outcomeOf(program, connection);
          const verdict = outcome.verdict === "accept" ? "accept" : "deny";
          const counted = outcome.counters.filter((name) => /^(Baseline)?Admin/.test(name));
          const expected = expectedCounters(ruleset, connection);
          if (verdict !== decide(ruleset, connection) || counted.join() !== expected.join())
            assert.fail(
              `${JSON.stringify(connection)}: ${verdict} by ${counted.join()}, not ${expected.join()}\n${programText(program)}`,
            );
        }
      }),
      tries(150),
    );
    assert.ok(unions > 100, `${unions} unions`);
  });

  it("let nothing slip or get lost while policies and members change", () => {
    fc.assert(
      fc.property(someState, fc.array(fc.oneof(someState, someMembers), { maxLength: 5 }), (first, moves) => {
        follow(first, moves, false);
      }),
      tries(60),
    );
  });

  it("let nothing slip or get lost of what is on its way while members go from map to map", () => {
    let late = 0;
    fc.assert(
      fc.property(manyPeers, fc.array(someMembers, { minLength: 1, maxLength: 4 }), (first, moves) => {
        late += follow(first, moves, true);
      }),
      tries(80),
    );
    assert.ok(late > 10, `${late} elements waited for the rest of a change`);
  });
});

/** The changes one after the other; how many elements waited for the end. */
function follow(first: TierState, moves: readonly (TierState | TierState["members"])[], alsoOnTheWay: boolean): number {
  let [before, late] = [first, 0];
  const mirror = new Mirror("portcullis", layout, 1, rulesetOf(first));
  const kernel = new ModelKernel();
  for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
  for (const move of moves) {
    const after: TierState = "ingress" in move ? move : { ...before, members: move };
    const stamp = mirror.generation * 0x10000;
    const states: Program[] = kernel.program === null ? [] : [kernel.program];
    const changed = mirror.change(changeOf(before, after), true);
    for (const keys of changed.late.values()) late += keys.size;
    for (const step of changeSteps(mirror.program, changed)) {
      kernel.transact(step);
      if (kernel.program !== null) states.push(kernel.program);
    }
    assert.deepEqual(diffPrograms(kernel.program, mirror.program).differences, []);
    checkChange(states, before, after, stamp, alsoOnTheWay);
    before = after;
  }
  return late;
}

function checkChange(
  states: readonly Program[],
  before: TierState,
  after: TierState,
  stamp: number,
  alsoOnTheWay: boolean,
): void {
  const [old, now] = [rulesetOf(before), rulesetOf(after)];
  for (const connection of connections) {
    const [was, is] = [decide(old, connection), decide(now, connection)];
    const fail = (what: string): never => assert.fail(`${JSON.stringify(connection)} was ${was}, is ${is}, ${what}`);
    for (const [index, state] of states.entries()) {
      const verdict = verdictIn(state, connection);
      if (verdict !== was && verdict !== is) fail(`${verdict} in state ${index}`);
      const next = states[index + 1];
      if (next === undefined || !alsoOnTheWay) continue;
      for (let lookups = 0; lookups < mostLookups; lookups++) {
        const onItsWay = verdictIn(turning(state, state, next, lookups), connection);
        if (onItsWay !== was && onItsWay !== is) fail(`${onItsWay} after ${lookups} lookups in state ${index}`);
      }
    }
    const last = states.at(-1);
    if (last === undefined) continue;
    if (verdictIn(last, connection) !== is) fail("and that is not what is there in the end");
    if (was === "accept" && verdictIn(last, connection, stamp) !== is) fail("but goes on as it was");
  }
}
