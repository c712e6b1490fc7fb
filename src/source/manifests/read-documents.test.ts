import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import { duplicateKeyMarker } from "./document.ts";
import type { BrokenDocument, ManifestDocument } from "./document.ts";
import { defaultLimits } from "./limits.ts";
import type { Limits } from "./limits.ts";
import { readDocuments } from "./read-documents.ts";

async function read(
  text: string,
  json = false,
  limits: Limits = defaultLimits,
): Promise<(ManifestDocument | BrokenDocument)[]> {
  return [...(await readDocuments(text, json, limits))];
}

async function values(text: string, json = false): Promise<readonly unknown[]> {
  return (await read(text, json)).map((one) =>
    one.kind === "document" ? one.value : `broken ${one.place.line}:${one.place.column}`,
  );
}

async function broken(text: string, limits: Limits = defaultLimits): Promise<string> {
  const [one] = await read(text, false, limits);
  assert.equal(one?.kind, "broken", text);
  return `${one.place.line}:${one.place.column} ${one.message}`;
}

test("documents are told apart by their markers, whatever is broken in them", async () => {
  assert.deepEqual(await values('a: 1\n---\nb: "2\n---\nc: [\n---\n- x\n...\n# end\n'), [
    { a: 1 },
    "broken 3:5",
    "broken 5:4",
    ["x"],
  ]);
  assert.deepEqual(await values("# only\n---\n---\n\n--- # x\n"), []);
  assert.deepEqual(await values("--- {a: 1}\n--- # comment\nb: 2\n"), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await values("a: |\n  x\n  ---\n  y\n---\nb: 1"), [{ a: "x\n---\ny\n" }, { b: 1 }]);
  assert.deepEqual(await values("%YAML 1.1\n---\na: on\n...\n%YAML 1.1\n---\nb: off\n"), [{ a: true }, { b: false }]);
  assert.deepEqual(await values("a: 1\r\n---\r\nb: 2\r\n"), [{ a: 1 }, { b: 2 }]);
});

test("JSON in all the ways in which tools write it", async () => {
  assert.deepEqual(await values('{"a": 1}'), [{ a: 1 }]);
  assert.deepEqual(await values('{"a": 1}\n{"b": 2}{"c": 3}\n'), [{ a: 1 }, { b: 2 }, { c: 3 }]);
  assert.deepEqual(await values('{"a": 1}\n{"b": 2}', true), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await values('{"a": 1}\n{"b": }\n{"c": 3}', true), [{ a: 1 }, "broken 2:7"]);
  assert.deepEqual(await values('---\n{"a": 1}\n---\n{"b": 2}\n'), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await values('{"a": 1}\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(await values("{a: 1, b: on}"), [{ a: 1, b: true }]);
  assert.deepEqual(await values('{\n"a": tru\n}', true), ["broken 2:6"]);
  assert.deepEqual(await values('{"a": [1', true), ["broken 1:9"]);
});

test("aliases, merges and keys become what JSON has", async () => {
  assert.deepEqual(await values("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3, r: 4}\nd: {<<: [{p: 9}, *x]}"), [
    { a: { p: 1, q: 2 }, b: { p: 1, q: 2 }, c: { p: 1, q: 3, r: 4 }, d: { p: 9, q: 2 } },
  ]);
  assert.deepEqual(await values("a: &x 1\nb: &x 2\nc: *x\n017: o\non: y\n1.50: f\n"), [
    { a: 1, b: 2, c: 2, "15": "o", true: true, "1.5": "f" },
  ]);
  const [odd] = await values("__proto__: {a: 1}\nconstructor: 2\n");
  assert.deepEqual(Object.keys(odd as object), ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(odd), Object.prototype);
});

test("a key given twice is marked, in YAML and JSON alike", async () => {
  for (const text of ["a: {b: 1, b: 2}\nc: 3\nc: 3\n", '{"a": {"b": 1, "b": 2}, "c": 3, "c": 3}']) {
    const [one] = await read(text);
    assert.equal(one?.kind, "document");
    assert.deepEqual(one.value, { a: { b: duplicateKeyMarker }, c: duplicateKeyMarker });
    assert.deepEqual(one.duplicates, [["a", "b"], ["c"]]);
  }
  // A merged key that is there already is no duplicate.
  const [merged] = await read("a: &a {x: 1}\nb: {x: 2, <<: *a}\n");
  assert.deepEqual(merged?.kind === "document" ? merged.duplicates : null, []);
});

test("what YAML does not allow, or we do not follow, breaks its document", async () => {
  assert.match(await broken("a: *x"), /^1:4 unknown anchor 'x' referenced$/);
  assert.match(await broken("a: &a [*a]"), /^1:8 anchor 'a' value contains itself$/);
  assert.match(await broken("a: {<<: 1}"), /map merge requires map/);
  assert.match(await broken("{[a]: 1}"), /key of a map/);
  assert.match(await broken("~: 1"), /key of a map/);
  assert.match(await broken("a: !!int x"), /cannot read this value as/);
  assert.match(await broken("%YAML 1.2\n---\na: 1"), /incompatible/);
  assert.match(await broken("a:\n\tb: 1"), /^2:/);
});

test("limits", async () => {
  const laughs = [
    "a0: &a0 [1, 1, 1, 1]",
    ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}, *a${n}]`),
  ].join("\n");
  assert.equal((await values(laughs.split("\n").slice(0, 3).join("\n"))).length, 1);
  assert.match(
    await broken(laughs, { ...defaultLimits, yamlValues: 100_000 }),
    /^\d+:\d+ document contains excessive aliasing$/,
  );
  assert.match(await broken("[".repeat(1000) + "]".repeat(1000)), /nested too deeply/);
  assert.match(await broken("- [1, 2]\n".repeat(100), { ...defaultLimits, yamlTokens: 50 }), /too large/);
});

test("JSON means the same to the YAML reader", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (value) => {
      const text = JSON.stringify({ value });
      // A first line that is no JSON sends it to the other reader.
      assert.deepEqual(await values(`# yaml\n${text}\n`), await values(text));
    }),
    tries(300),
  );
});

test("places in YAML", async () => {
  const [one] = await read("# c\nspec:\n  rules:\n  - a: 1\n    b: {c: 2}\n  - &x\n    a: 3\n  - *x\n");
  assert.equal(one?.kind, "document");
  const place = (...path: (string | number)[]): string => `${one.locate(path).line}:${one.locate(path).column}`;
  assert.equal(place("spec"), "2:1");
  assert.equal(place("spec", "rules"), "3:3");
  assert.equal(place("spec", "rules", 0), "4:5");
  assert.equal(place("spec", "rules", 0, "a"), "4:8");
  assert.equal(place("spec", "rules", 0, "b", "c"), "5:12");
  assert.equal(place("spec", "rules", 2, "a"), "7:8");
  assert.equal(place("spec", "none", "deeper"), "2:1");
});

test("a long List is read item by item, with the same result", async () => {
  const item = (n: number): string =>
    `- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: c${n}\n  data: {text: "${"x".repeat(100)}"}\n\n  # comment\n`;
  const items = Array.from({ length: 2500 }, (_, n) => item(n)).join("");
  const text = `apiVersion: v1\nitems:\n${items}kind: List\nmetadata:\n  resourceVersion: ""\n`;
  const split = await read(text);
  assert.equal(split.length, 2501);
  const whole = await read(`a: &anchor 1\n${text}`);
  assert.equal(whole.length, 1);
  const list = (whole[0]?.kind === "document" ? whole[0].value : null) as { items: readonly unknown[] };
  assert.deepEqual(
    split.slice(0, -1).map((one) => (one.kind === "document" ? one.value : null)),
    list.items,
  );
  const third = split[2];
  assert.deepEqual(third?.kind === "document" ? third.locate(["metadata", "name"]) : null, { line: 20, column: 11 });
});
