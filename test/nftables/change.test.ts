import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createCompiler } from "../../src/compile/incremental.ts";
import type { CompileOptions } from "../../src/compile/options.ts";
import { changeSteps } from "../../src/dataplane/nftables/change.ts";
import { diffPrograms } from "../../src/dataplane/nftables/diff.ts";
import { markLayout } from "../../src/dataplane/nftables/generation.ts";
import { Mirror } from "../../src/dataplane/nftables/mirror.ts";
import type { Program } from "../../src/dataplane/nftables/program.ts";
import { elementText, programText, ruleText, setHead } from "../../src/dataplane/nftables/text.ts";
import { decide, type ForwardedConnection } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import { addressUniverse, someChange } from "../compile/random-changes.ts";
import { frozen } from "../compile/ruleset-text.ts";
import { tries } from "../property.ts";
import { ModelKernel } from "./model-kernel.ts";
import { outcomeOf, reportsOf } from "./forwarded.ts";

const layout = markLayout(0xffff0000);
const options: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: 9080,
};

const kinds: readonly (readonly [Protocol, number, number])[] = [
  ["TCP", 6, 80],
  ["TCP", 6, 8080],
  ["UDP", 17, 53],
  ["SCTP", 132, 9001],
  ["ICMP", 1, 0],
];

interface Case {
  readonly connection: ForwardedConnection;
  readonly number: number;
}

const addresses = addressUniverse.map((text) => parseAddress(text)).filter((address) => address !== null);
const cases: readonly Case[] = addresses.flatMap((client) =>
  addresses
    .filter((backend) => familyOf(backend) === familyOf(client) && backend !== client)
    .flatMap((backend) =>
      kinds.map(([protocol, number, port]) => ({ connection: { client, backend, protocol, port }, number })),
    ),
);

function verdictIn(program: Program, asked: Case, mark = 0): "accept" | "deny" {
  return outcomeOf(program, asked.connection, mark).verdict === "accept" ? "accept" : "deny";
}

/** A gateway is no forwarded client: with such a source it is spoofed, and dropped, which the IR does not speak of. */
const isAsked = (ruleset: Ruleset, { connection }: Case): boolean =>
  !ruleset.node.gateways.includes(connection.client) || ruleset.endpoints.has(connection.client);

/** All that counts, in an order that does not. */
function canonicalText(program: Program): string {
  const sets = [...program.sets.values()].map(
    (set) =>
      `${set.name} ${setHead(set)} ${[...set.elements]
        .map(([key, data]) => elementText(key, data))
        .sort()
        .join()}`,
  );
  const chains = [...program.chains.values()].map(({ name, rules }) => `${name} ${rules.map(ruleText).join("\n")}`);
  return [...sets.sort(), ...chains.sort(), ...[...program.counters.keys()].sort()].join("\n");
}

const changeLists = fc.array(fc.array(someChange, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 12 });

describe("the nftables program", () => {
  it("decides as the Ruleset does, at every moment of every change, and forgets what it accepted and now denies", () => {
    fc.assert(
      fc.property(changeLists, (lists) => {
        const compiler = createCompiler(options);
        let before = frozen(compiler.load({ objects: [], policies: [] }));
        const mirror = new Mirror("portcullis", layout, 1, before);
        const kernel = new ModelKernel();
        for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
        for (const changes of lists) {
          const change = compiler.apply(changes);
          const after = frozen(compiler.ruleset());
          const stamp = mirror.generation * 0x10000;
          const states: Program[] = [];
          for (const step of changeSteps(mirror.program, mirror.change(change, change.canDeny))) {
            kernel.transact(step);
            if (kernel.program !== null) states.push(kernel.program);
          }
          checkStates(states, before, after, stamp);
          before = after;
        }
      }),
      tries(80),
    );
  });

  it("denies what a chain decided that has lost its rules, but for those of audits, which decide nothing", () => {
    fc.assert(
      fc.property(fc.array(someChange, { maxLength: 20 }), (changes) => {
        const compiler = createCompiler(options);
        compiler.load({ objects: [], policies: [] });
        compiler.apply(changes);
        const ruleset = compiler.ruleset();
        const { program } = new Mirror("portcullis", layout, 1, ruleset);
        const damaged = without(program, (name) => /^(in|eg)-/.test(name));
        const unaudited = without(program, (name) => /\/[46]\/(denies|accepts)/.test(name));
        for (const asked of cases.filter((one) => isAsked(ruleset, one))) {
          const { client, backend } = asked.connection;
          const [from, to] = [ruleset.endpoints.get(client), ruleset.endpoints.get(backend)];
          const isDecided = from?.egress ?? from?.auditEgress ?? to?.ingress ?? to?.auditIngress ?? null;
          const expected = isDecided === null ? decide(ruleset, asked.connection) : "deny";
          assert.equal(verdictIn(damaged, asked), expected);
          assert.equal(verdictIn(unaudited, asked), decide(ruleset, asked.connection), "audits decide nothing");
        }
      }),
      tries(20),
    );
  });

  it("is the same after changes as when it is rendered at once", () => {
    fc.assert(
      fc.property(changeLists, (lists) => {
        const compiler = createCompiler(options);
        const mirror = new Mirror("portcullis", layout, 1, frozen(compiler.load({ objects: [], policies: [] })));
        const kernel = new ModelKernel();
        for (const step of diffPrograms(null, mirror.program).steps) kernel.transact(step);
        for (const changes of lists) {
          for (const step of changeSteps(mirror.program, mirror.change(compiler.apply(changes), true)))
            kernel.transact(step);
        }
        const whole = new Mirror("portcullis", layout, mirror.generation, compiler.ruleset());
        assert.equal(canonicalText(mirror.program), canonicalText(whole.program));
        assert.deepEqual(diffPrograms(kernel.program, whole.program).differences, []);
      }),
      tries(60),
    );
  });

  it("is brought from any program to any other", () => {
    fc.assert(
      fc.property(fc.array(someChange, { maxLength: 25 }), fc.array(someChange, { maxLength: 25 }), (one, other) => {
        const programs = [one, other].map((changes) => {
          const compiler = createCompiler(options);
          compiler.load({ objects: [], policies: [] });
          compiler.apply(changes);
          return new Mirror("portcullis", layout, changes.length + 1, compiler.ruleset()).program;
        });
        const kernel = new ModelKernel();
        for (const program of programs) {
          for (const step of diffPrograms(kernel.program, program).steps) kernel.transact(step);
          assert.equal(canonicalText(kernel.program ?? program), canonicalText(program));
          assert.deepEqual(diffPrograms(kernel.program, program).steps, []);
        }
      }),
      tries(60),
    );
  });
});

/** The program with some of its chains emptied. */
function without(program: Program, isEmptied: (name: string) => boolean): Program {
  const chains = [...program.chains].map(([name, chain]): [string, typeof chain] => [
    name,
    isEmptied(name) ? { ...chain, rules: [] } : chain,
  ]);
  return { ...program, chains: new Map(chains) };
}

function checkStates(states: readonly Program[], before: Ruleset, after: Ruleset, stamp: number): void {
  const last = states.at(-1);
  for (const asked of cases) {
    if (!isAsked(before, asked) || !isAsked(after, asked)) continue;
    const [old, now] = [decide(before, asked.connection), decide(after, asked.connection)];
    const text = (): string => `${JSON.stringify(asked)} was ${old}, is ${now}\n${last ? programText(last) : ""}`;
    for (const state of states) {
      const verdict = verdictIn(state, asked);
      if (verdict !== old && verdict !== now) assert.fail(text());
    }
    if (last === undefined) continue;
    const { verdict, reports } = outcomeOf(last, asked.connection);
    if ((verdict === "accept" ? "accept" : "deny") !== now) assert.fail(text());
    // No message is made where all is well: there are many connections.
    const [found, expected] = [reports, reportsOf(after, asked.connection)];
    if (found !== expected) assert.fail(`reports ${found}, not ${expected}: ${text()}`);
    // A connection that was accepted before goes on exactly if it is accepted now.
    if (old !== "accept") continue;
    const open = outcomeOf(last, asked.connection, stamp);
    if ((open.verdict === "accept" ? "accept" : "deny") !== now) assert.fail(text());
    if (now === "deny" && open.mark !== 0) assert.fail(`it keeps the mark ${open.mark}: ${text()}`);
  }
}
