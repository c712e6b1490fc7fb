/**
 * What transactions cost over the netlink socket, in a network namespace of its own with 200 chains of five rules:
 * elements, the generation, replaced rules, 100,000 elements at once, reading back; and the memory of 100,000
 * transactions. Needs root.
 *   node bench/netlink.ts
 */
import { randomBytes } from "node:crypto";
import { arch, cpus, release } from "node:os";
import type { ElementData, ProgramSet, Rule } from "../src/dataplane/nftables/program.ts";
import type { Statement, Verdict } from "../src/dataplane/nftables/statement.ts";
import type { Operation } from "../src/dataplane/nftables/step.ts";
import { type NftTable, openTable } from "../src/dataplane/nftables/wire/table.ts";
import { changeNamespaces } from "../src/system/namespace.ts";

const chains = 200;
const setOf = (name: string, more: Partial<ProgramSet>): ProgramSet => {
  const plain = { data: "none", interval: false, size: 1 << 18, comment: null, elements: new Map() } as const;
  return { name, key: ["ipv4_addr"], ...plain, ...more };
};
const group = setOf("g", {});
const generation = setOf("gen", { key: ["mark"], size: 4 });
const endpoints = setOf("in4", { data: "verdict" });
const hooks = ["forward", "input", "output"] as const;

const rule = (...statements: readonly Statement[]): Rule => ({ statements, comment: null });
const verdict = (value: Verdict): Statement => ({ kind: "verdict", verdict: value });
const stamp = (value: number): Rule => rule({ kind: "set-ct-mark", keep: 0xffff, value });
const fast = (value: number): Rule =>
  rule({ kind: "ct-mark", mask: 0xffff0000, operator: "==", value }, verdict({ kind: "accept" }));
const addRule = (chain: string, added: Rule): Operation => ({ kind: "add-rule", chain, rule: added });
const add = (set: ProgramSet, key: string, data: ElementData = null): Operation => ({
  kind: "add-elements",
  set,
  elements: new Map([[key, data]]),
});
const remove = (set: ProgramSet, key: string): Operation => ({ kind: "delete-elements", set, keys: [key] });

function* structure(): Generator<Operation> {
  yield { kind: "add-table" };
  for (const set of [group, generation, endpoints]) yield { kind: "add-set", set };
  for (const name of ["stamp", "accepted"]) yield { kind: "add-chain", chain: { name, hook: null, rules: [] } };
  yield addRule("stamp", stamp(0x10000));
  yield addRule("stamp", rule(verdict({ kind: "accept" })));
  for (const hook of hooks) {
    yield { kind: "add-chain", chain: { name: hook, hook, rules: [] } };
    yield addRule(hook, fast(0x10000));
    yield addRule(hook, rule({ kind: "verdict-map", key: ["backend4"], map: endpoints.name }));
  }
  for (let index = 0; index < chains; index += 1) {
    const name = `in_${index}`;
    yield { kind: "add-chain", chain: { name, hook: null, rules: [] } };
    const allow = rule(
      { kind: "lookup", key: ["client4"], set: group.name },
      verdict({ kind: "goto", chain: "stamp" }),
    );
    for (let count = 0; count < 5; count += 1) yield addRule(name, allow);
  }
  for (let index = 0; index < chains; index += 1)
    yield add(endpoints, `10.1.0.${index}`, { kind: "goto", chain: `in_${index}` });
}

const microseconds = (milliseconds: number): string => (milliseconds * 1000).toFixed(1);

function measure(what: string, rounds: number, act: (round: number) => void): void {
  for (let round = 0; round < 200; round += 1) act(round);
  const times = Array.from({ length: rounds }, (_, round) => {
    const started = performance.now();
    act(round + 200);
    return performance.now() - started;
  }).sort((a, b) => a - b);
  const at = (share: number): string => microseconds(times[Math.floor(rounds * share)] ?? 0);
  console.log(`| ${what} | ${at(0.5)} µs | ${at(0.99)} µs |`);
}

function once(what: string, act: () => void): void {
  const started = performance.now();
  act();
  console.log(`| ${what} | ${(performance.now() - started).toFixed(0)} ms | |`);
}

const markOf = (round: number): number => ((round % 1000) + 2) << 16;
const markText = (round: number): string => `0x${markOf(round).toString(16).padStart(8, "0")}`;

function run(table: NftTable): void {
  const apply = (...operations: readonly Operation[]): void => table.transact({ operations });
  const many = new Map(
    Array.from({ length: 100_000 }, (_, i) => [`10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, null]),
  );
  const member = (round: number): Operation => (round % 2 === 0 ? add : remove)(group, "10.9.9.9");
  const bump = (round: number): readonly Operation[] => [
    { kind: "flush-set", set: generation },
    add(generation, markText(round)),
  ];
  const restamp = (round: number): Operation => ({
    kind: "replace-rule",
    chain: "stamp",
    index: 0,
    rule: stamp(markOf(round)),
  });
  apply(...structure());
  once("100,000 elements into one set", () => apply({ kind: "add-elements", set: group, elements: many }));
  apply({ kind: "flush-set", set: group });
  const unwatch = table.watchForeign(() => console.log("a change by somebody else"));
  once("100,000 elements again, while the table is watched", () =>
    apply({ kind: "add-elements", set: group, elements: many }),
  );
  unwatch();
  once("reading it all back", () => void table.read());
  measure("an element", 4000, (round) => apply(member(round)));
  measure("an element, generation as an element", 4000, (round) => apply(member(round), ...bump(round)));
  measure("the same, and the stamp's rule", 4000, (round) => apply(member(round), ...bump(round), restamp(round)));
  measure("an element, generation as constants in four rules", 500, (round) =>
    apply(
      member(round),
      ...hooks.map((chain): Operation => ({ kind: "replace-rule", chain, index: 0, rule: fast(markOf(round)) })),
      restamp(round),
    ),
  );
  measure("an endpoint in a verdict map", 500, (round) =>
    apply(
      round % 2 === 0 ? add(endpoints, "10.1.1.1", { kind: "goto", chain: "in_5" }) : remove(endpoints, "10.1.1.1"),
    ),
  );
  const stop = table.watchForeign(() => console.log("a change by somebody else"));
  measure("an element, while the table is watched", 4000, (round) => apply(member(round)));
  stop();
  const before = process.memoryUsage().rss;
  once("100,000 transactions of an element", () => {
    for (let round = 0; round < 100_000; round += 1) apply(member(round));
  });
  console.log(`| memory they left behind | ${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(1)} MiB | |`);
}

const name = `pct-${randomBytes(5).toString("hex")}`;
changeNamespaces([{ verb: "add", name }]);
try {
  console.log(`Linux ${release()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.version}\n`);
  console.log("| what | p50 | p99 |\n|---|---|---|");
  const table = openTable(name, "portcullis");
  run(table);
  table.close();
} finally {
  changeNamespaces([{ verb: "del", name }]);
}
