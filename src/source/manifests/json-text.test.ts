import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import { jsonErrorOffset } from "./json-error.ts";
import { countKeysInText, countKeysInValue, duplicateKeysIn, jsonLocator, jsonValueEnd } from "./json-text.ts";

type Path = readonly (string | number)[];

/** Paths of all values in a value, containers before what is in them. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const children = Array.isArray(value) ? value.map((child, index) => [index, child] as const) : Object.entries(value);
  return [path, ...children.flatMap(([step, child]) => pathsOf(child, [...path, step]))];
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inside, step) => (inside as Record<string | number, unknown>)[step], value);
}

const printed = fc
  .tuple(fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t"))
  .map(([value, space]) => ({
    value: JSON.parse(JSON.stringify(value)) as unknown,
    text: JSON.stringify(value, null, space),
  }));

test("the end of a value is found whatever is in it", () => {
  fc.assert(
    fc.property(printed, fc.constantFrom("", " ", "\n{", ",1", "]", "}"), ({ text }, rest) => {
      assert.equal(jsonValueEnd(text + rest, 0), text.length);
      if (/^[[{"]/.test(text)) assert.equal(jsonValueEnd(text.slice(0, -1), 0), -1);
    }),
    tries(500),
  );
});

test("the place of each value is where it starts, or its key does", () => {
  fc.assert(
    fc.property(printed, ({ value, text }) => {
      const locate = jsonLocator(text, 0);
      for (const path of pathsOf(value)) {
        const found = at(value, path);
        const container = typeof found === "object" && found !== null;
        const last = path.at(-1);
        let offset = locate(path);
        if (container && typeof last === "string") {
          assert.ok(text.startsWith(JSON.stringify(last), offset));
          offset = text.indexOf(":", offset + JSON.stringify(last).length) + 1;
          while (/\s/.test(text[offset] ?? "")) offset++;
        }
        assert.deepEqual(JSON.parse(text.slice(offset, jsonValueEnd(text, offset))), found);
        assert.equal(locate([...path, "not there", 3]), locate(path));
      }
    }),
    tries(300),
  );
});

test("keys are counted alike in text and value, unless one is there twice", () => {
  fc.assert(
    fc.property(printed, ({ value, text }) => {
      assert.equal(countKeysInText(text), countKeysInValue(value));
      assert.deepEqual(duplicateKeysIn(text, 10), []);
    }),
    tries(500),
  );
  const text = '{"a": {"x": 1, "b\\"": [{"c": ":", "\\u0063": 2}], "x": 3}, "": 0, "": 1}';
  assert.notEqual(countKeysInText(text), countKeysInValue(JSON.parse(text)));
  assert.deepEqual(duplicateKeysIn(text, 10), [["a", 'b"', 0, "c"], ["a", "x"], [""]]);
  assert.deepEqual(duplicateKeysIn(text, 1).length, 1);
});

test("the first wrong character of a broken text", () => {
  const cases: readonly (readonly [string, number])[] = [
    ['{"a":b}', 5],
    ['{"a":1,}', 7],
    ["[1,]", 3],
    ['{"a" 1}', 5],
    ["{a:1}", 1],
    ["[1 2]", 3],
    ["[1}", 2],
    ['{"a":1]', 6],
    ["1 2", 2],
    ['["\\x"]', 1],
    ['["a\nb"]', 1],
    ["[01]", 2],
    ["", 0],
    ['{"a":', 5],
    ['["abc', 1],
    ["{} {}", 3],
  ];
  for (const [text, offset] of cases) {
    assert.throws(() => void JSON.parse(text));
    assert.equal(jsonErrorOffset(text), offset, text);
  }
});

test("a text is broken where it is cut, or before", () => {
  fc.assert(
    fc.property(printed, fc.nat(), ({ text }, cut) => {
      const shorter = text.slice(0, cut % text.length);
      assert.ok(jsonErrorOffset(shorter) <= shorter.length);
      assert.equal(jsonErrorOffset(`${text}x`), text.length);
      assert.equal(jsonErrorOffset(text), text.length);
    }),
    tries(300),
  );
});
