import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type OwnNamespace, noNamespaces, ownNamespace } from "../../../../test/own-namespace.ts";
import { call } from "../../../system/libc.ts";
import { inNamespace } from "../../../system/namespace.ts";
import { DataplaneError } from "../../dataplane.ts";
import type { ElementData, ProgramSet, Rule } from "../program.ts";
import type { Verdict } from "../statement.ts";
import type { Operation } from "../step.ts";
import { type NftTable, openTable } from "./table.ts";

function setOf(name: string, more: Partial<ProgramSet> = {}): ProgramSet {
  const plain = { data: "none", interval: false, size: null, comment: null, elements: new Map() } as const;
  return { name, key: ["ipv4_addr"], ...plain, ...more };
}

const group = setOf("g", { size: 4 });
const ports = setOf("p", { key: ["inet_service"], data: "verdict", interval: true });
const generation = setOf("gen", { key: ["mark"], size: 4 });
const accept: Verdict = { kind: "accept" };
const drop: Verdict = { kind: "drop" };

const stampRule = (value: number): Rule => ({
  statements: [{ kind: "set-ct-mark", keep: 0xffff, value }],
  comment: null,
});
const verdictRule = (verdict: Verdict, comment: string | null = null): Rule => ({
  statements: [{ kind: "verdict", verdict }],
  comment,
});

/** A UDP packet over the loopback interface; what comes back is the kernel's own error about it. */
function sendPacket(netns: string): void {
  const [inet, datagram] = [2, 2];
  const socket = inNamespace(netns, () => call("socket", inet, datagram, 0));
  const to = Buffer.from([inet, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  call("sendto", socket, Buffer.from("x"), 1, 0, to, to.length);
  call("close", socket);
}

const add = (set: ProgramSet, ...entries: readonly (readonly [string, ElementData])[]): Operation => ({
  kind: "add-elements",
  set,
  elements: new Map(entries),
});
const remove = (set: ProgramSet, ...keys: readonly string[]): Operation => ({ kind: "delete-elements", set, keys });
const chain = (name: string): Operation => ({ kind: "add-chain", chain: { name, hook: null, rules: [] } });

const structure: readonly Operation[] = [
  { kind: "add-table" },
  { kind: "add-set", set: group },
  { kind: "add-set", set: ports },
  { kind: "add-set", set: generation },
  chain("stamp"),
  { kind: "add-rule", chain: "stamp", rule: stampRule(0x10000) },
  { kind: "add-rule", chain: "stamp", rule: verdictRule(accept) },
  { kind: "add-chain", chain: { name: "forward", hook: "forward", rules: [] } },
  { kind: "add-rule", chain: "forward", rule: verdictRule({ kind: "jump", chain: "stamp" }, "first") },
];

describe("a transaction", { skip: noNamespaces, timeout: 60_000 }, () => {
  let space: OwnNamespace;
  let table: NftTable;
  before(() => {
    space = ownNamespace();
    table = openTable(space.name, "portcullis");
  });
  after(() => {
    table.close();
    space.remove();
  });
  beforeEach(() => table.transact({ operations: structure }));
  afterEach(() => {
    if (table.read() !== null) table.transact({ operations: [{ kind: "delete-table" }] });
  });

  const apply = (...operations: readonly Operation[]): void => table.transact({ operations });
  const keys = (set: ProgramSet): readonly string[] =>
    [...(table.read()?.sets.get(set.name)?.elements.keys() ?? [])].sort();
  const rules = (name: string): readonly Rule[] => table.read()?.chains.get(name)?.rules ?? [];
  const refusal = (...operations: readonly Operation[]): DataplaneError => {
    try {
      apply(...operations);
    } catch (error) {
      assert.ok(error instanceof DataplaneError);
      return error;
    }
    return assert.fail("the kernel took it");
  };

  it("adds and deletes elements", () => {
    apply(add(group, ["10.0.0.1", null], ["10.0.0.2", null]));
    assert.deepEqual(keys(group), ["10.0.0.1", "10.0.0.2"]);
    apply(remove(group, "10.0.0.1"), add(group, ["10.0.0.3", null]));
    assert.deepEqual(keys(group), ["10.0.0.2", "10.0.0.3"]);
    apply({ kind: "flush-set", set: group });
    assert.deepEqual(keys(group), []);
  });

  it("keeps intervals that touch apart, changes one of them, and knows the last port", () => {
    apply(add(ports, ["80-90", accept], ["91-100", drop], ["65000-65535", drop], ["0", accept]));
    assert.deepEqual(keys(ports), ["0", "65000-65535", "80-90", "91-100"]);
    assert.match(space.run("nft", ["list", "map", "inet", "portcullis", "p"]), /80-90 : accept,\s+91-100 : drop/);
    apply(remove(ports, "80-90", "65000-65535"), add(ports, ["80-85", drop]));
    assert.deepEqual(keys(ports), ["0", "80-85", "91-100"]);
  });

  it("is all or nothing, and names the operation that failed", () => {
    const error = refusal(add(group, ["10.0.0.1", null]), remove(group, "10.9.9.9"));
    assert.match(error.message, /delete-elements of g: 10\.9\.9\.9: ENOENT: .*nothing was changed/);
    assert.match(error.detail, /errno ENOENT/);
    assert.deepEqual(keys(group), []);
  });

  it("explains what the kernel refuses", () => {
    const five = ["1", "2", "3", "4", "5"].map((last) => [`10.0.0.${last}`, null] as const);
    assert.match(refusal(add(group, ...five)).message, /add-elements of g: .* and 2 more: ENFILE: the set is full/);
    assert.match(
      refusal({ kind: "delete-chain", name: "stamp" }).message,
      /delete-chain stamp: EBUSY: something still refers/,
    );
    const goTo = (to: string): Rule => verdictRule({ kind: "goto", chain: to }, "self");
    const loop = refusal({ kind: "add-rule", chain: "stamp", rule: goTo("forward") });
    assert.match(loop.message, /^nftables table inet portcullis: .*; nothing was changed$/);
    assert.match(
      refusal({ kind: "add-rule", chain: "stamp", rule: goTo("nowhere") }).message,
      /add-rule to stamp: "self": ENOENT: it, or something it refers to, is not in the kernel/,
    );
    assert.deepEqual(rules("stamp").length, 2);
  });

  it("works on after a refusal", () => {
    refusal(remove(group, "10.9.9.9"));
    apply(add(group, ["10.0.0.1", null]));
    assert.deepEqual(keys(group), ["10.0.0.1"]);
  });

  it("replaces a rule in its place, again and again, with the set's elements in the same transaction", () => {
    for (let value = 2; value < 6; value += 1) {
      const mark = `0x000${value}0000`;
      apply({ kind: "flush-set", set: generation }, add(generation, [mark, null]), {
        kind: "replace-rule",
        chain: "stamp",
        index: 0,
        rule: stampRule(value << 16),
      });
      assert.deepEqual(rules("stamp"), [stampRule(value << 16), verdictRule(accept)]);
      assert.deepEqual(keys(generation), [mark]);
    }
  });

  it("finds the rule to replace after the chain was built anew, and says where there is none", () => {
    apply({ kind: "replace-rule", chain: "stamp", index: 0, rule: stampRule(1 << 16) });
    apply({ kind: "flush-chain", name: "stamp" }, { kind: "add-rule", chain: "stamp", rule: stampRule(7 << 16) });
    apply({ kind: "replace-rule", chain: "stamp", index: 0, rule: stampRule(8 << 16) });
    assert.deepEqual(rules("stamp"), [stampRule(8 << 16)]);
    const error = refusal({ kind: "replace-rule", chain: "stamp", index: 1, rule: stampRule(9 << 16) });
    assert.match(error.message, /replace-rule 1 of stamp: .*ENOENT/);
    assert.deepEqual(rules("stamp"), [stampRule(8 << 16)]);
  });

  it("replaces a rule that somebody else moved only after it failed once", () => {
    apply({ kind: "replace-rule", chain: "stamp", index: 0, rule: stampRule(1 << 16) });
    space.run("nft", ["flush", "chain", "inet", "portcullis", "stamp"]);
    refusal({ kind: "replace-rule", chain: "stamp", index: 0, rule: stampRule(2 << 16) });
    apply({ kind: "add-rule", chain: "stamp", rule: stampRule(3 << 16) });
    apply({ kind: "replace-rule", chain: "stamp", index: 0, rule: stampRule(4 << 16) });
    assert.deepEqual(rules("stamp"), [stampRule(4 << 16)]);
  });

  it("carries more than one message can hold", () => {
    const many = setOf("many", { size: 1 << 17 });
    const total = 20_000;
    const entries = Array.from({ length: total }, (_, index) => [`10.1.${index >> 8}.${index & 255}`, null] as const);
    apply({ kind: "add-set", set: many }, add(many, ...entries));
    assert.equal(table.read()?.sets.get("many")?.elements.size, total);
    assert.deepEqual(keys(many), entries.map(([key]) => key).sort());
    apply(remove(many, ...entries.map(([key]) => key)));
    assert.deepEqual(keys(many), []);
  });

  it("wakes a table that somebody put to sleep", () => {
    space.run("nft", ["add", "table", "inet", "portcullis", "{ flags dormant; }"]);
    assert.equal(table.read()?.dormant, true);
    apply({ kind: "add-table" });
    assert.equal(table.read()?.dormant, false);
  });

  it("reads what others wrote as foreign, and mends a policy", () => {
    space.run("nft", ["add", "rule", "inet", "portcullis", "stamp", "tcp sequence 22 accept"]);
    space.run("nft", ["add", "set", "inet", "portcullis", "theirs", "{ type ether_addr; }"]);
    space.run("nft", ["add", "chain", "inet", "portcullis", "forward", "{ policy drop; }"]);
    const found = table.read();
    assert.equal(rules("stamp").at(-1)?.statements.at(-1)?.kind, "foreign");
    assert.deepEqual(found?.sets.get("theirs")?.key, []);
    assert.equal(rules("forward")[0]?.statements[0]?.kind, "foreign");
    apply({ kind: "add-chain", chain: { name: "forward", hook: "forward", rules: [] } });
    assert.deepEqual(rules("forward"), [verdictRule({ kind: "jump", chain: "stamp" }, "first")]);
  });

  it("counts, and keeps what was counted when other rules come", () => {
    apply({ kind: "add-counter", counter: { name: "c", comment: "NetworkPolicy a/b" } });
    apply(
      { kind: "add-chain", chain: { name: "output", hook: "output", rules: [] } },
      { kind: "add-rule", chain: "output", rule: { statements: [{ kind: "counter", name: "c" }], comment: null } },
    );
    space.run("ip", ["link", "set", "lo", "up"]);
    sendPacket(space.name);
    const counted = table.counters().get("c");
    assert.ok((counted?.packets ?? 0n) > 0n);
    apply(add(group, ["10.0.0.1", null]));
    assert.deepEqual(table.counters().get("c"), counted);
  });

  it("finds nothing missing in a kernel that has just taken everything, and leaves no trace of the question", () => {
    const generationBefore = table.read()?.generation;
    const features = table.missing().map(({ feature }) => feature);
    assert.deepEqual(
      features.filter((feature) => feature.startsWith("nf_tables")),
      [],
    );
    assert.equal(table.read()?.generation, generationBefore);
  });
});

describe("a table that cannot be opened", () => {
  it("says which namespace is missing", () => {
    assert.throws(() => openTable("pct-there-is-none", "portcullis"), {
      name: "DataplaneError",
      message: /network namespace pct-there-is-none: E(NOENT: there is no such namespace|PERM|ACCES)/,
    });
  });
});
