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
import { decide, decideDirection, type ForwardedConnection, isUnknown } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import { familyOf, parseAddress } from "../../src/net/address.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import { addressUniverse, someChange } from "../compile/random-changes.ts";
import { frozen } from "../compile/ruleset-text.ts";
import { tries } from "../property.ts";
import { ModelKernel } from "./model-kernel.ts";
import { type Outcome, walk } from "./packet.ts";

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

function outcomeIn(program: Program, { connection, number }: Case, mark = 0): Outcome {
  const { client, backend, port } = connection;
  return walk(program, {
    hook: "forward",
    client,
    backend,
    protocol: number,
    port,
    state: mark === 0 ? "new" : "established",
    direction: "original",
    isTranslated: false,
    tcpFlags: 2,
    mark,
  });
}

function verdictIn(program: Program, asked: Case, mark = 0): "accept" | "deny" {
  return outcomeIn(program, asked, mark).verdict === "accept" ? "accept" : "deny";
}

/** What the log says about a connection: nothing where it is accepted. */
function logOf(ruleset: Ruleset, { client, backend, ...rest }: ForwardedConnection): readonly string[] {
  const words = { admin: "admin", networkPolicy: "isolated", baseline: "baseline", fallback: "default", none: "" };
  for (const [direction, address, peer] of [
    ["egress", client, backend],
    ["ingress", backend, client],
  ] as const) {
    if (isUnknown(ruleset, address)) return ["portcullis deny none unknown"];
    const chain = ruleset.endpoints.get(address)?.[direction] ?? null;
    const { verdict, by } = decideDirection(ruleset, chain, peer, { client, backend, ...rest });
    if (verdict === "deny") return [`portcullis deny ${direction} ${words[by]}`];
  }
  return [];
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
      tries(10),
    );
  });

  it("denies what a chain decided that has lost its rules", () => {
    fc.assert(
      fc.property(fc.array(someChange, { maxLength: 20 }), (changes) => {
        const compiler = createCompiler(options);
        compiler.load({ objects: [], policies: [] });
        compiler.apply(changes);
        const ruleset = compiler.ruleset();
        const { program } = new Mirror("portcullis", layout, 1, ruleset);
        const emptied = [...program.chains].map(([name, chain]): [string, typeof chain] => [
          name,
          /^(in|eg)-/.test(name) ? { ...chain, rules: [] } : chain,
        ]);
        const damaged: Program = { ...program, chains: new Map(emptied) };
        for (const asked of cases.filter((one) => isAsked(ruleset, one))) {
          const { client, backend } = asked.connection;
          const isDecided = ruleset.endpoints.get(client)?.egress ?? ruleset.endpoints.get(backend)?.ingress ?? null;
          const expected = isDecided === null ? decide(ruleset, asked.connection) : "deny";
          assert.equal(verdictIn(damaged, asked), expected);
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

function checkStates(states: readonly Program[], before: Ruleset, after: Ruleset, stamp: number): void {
  const last = states.at(-1);
  for (const asked of cases) {
    if (!isAsked(before, asked) || !isAsked(after, asked)) continue;
    const [old, now] = [decide(before, asked.connection), decide(after, asked.connection)];
    const text = (): string => `${JSON.stringify(asked)} was ${old}, is ${now}\n${last ? programText(last) : ""}`;
    for (const state of states) {
      const verdict = verdictIn(state, asked);
      assert.ok(verdict === old || verdict === now, text());
    }
    if (last === undefined) continue;
    const { verdict, logs } = outcomeIn(last, asked);
    assert.equal(verdict === "accept" ? "accept" : "deny", now, text());
    assert.deepEqual(logs, logOf(after, asked.connection), text());
    // A connection that was accepted before goes on exactly if it is accepted now.
    if (old === "accept") assert.equal(verdictIn(last, asked, stamp), now, text());
  }
}
