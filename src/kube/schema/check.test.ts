import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../field-error.ts";
import { checkAgainst } from "./check.ts";
import { type ObjectSchema, type Schema, selectorSchema } from "./schema.ts";

const port: Schema = { type: "integer", format: "int32", minimum: 1, maximum: 65535 };
const isEven = {
  rule: "size(self) % 2 == 0",
  message: "must be even",
  holds: (value: unknown) => typeof value === "string" && value.length % 2 === 0,
};
const rule: ObjectSchema = {
  type: "object",
  properties: {
    action: { type: "string", enum: ["Allow", "Deny"] },
    name: { type: "string", maxLength: 4 },
    even: { type: "string", validations: [isEven] },
    lenient: { type: "string", validations: [{ ...isEven, isReadable: (value) => value === "odd" }] },
    texts: { type: "array", items: { type: "string", pattern: "^[a-z]+$" }, minItems: 1, maxItems: 2, unique: true },
    one: { type: "object", properties: { a: port, b: port }, minProperties: 1, maxProperties: 1 },
    protocol: { type: "string", default: "TCP" },
    secret: { type: "shut", why: "the gate is shut" },
    selector: selectorSchema,
  },
  required: ["action", "protocol"],
};

const lines = (value: unknown): readonly string[] =>
  checkAgainst(rule, value, ["rule"]).map(
    ({ error, harm }) => `${harm === "excessive" ? "still means: " : ""}${fieldErrorText(error)}`,
  );
const ofRule = (fields: object): readonly string[] => lines({ action: "Deny", ...fields });

/** Values of fields beside a valid action, and what kube-apiserver says of them. */
const table: readonly (readonly [fields: object, ...expected: string[]])[] = [
  [{}],
  [{ name: null, texts: null, one: null, secret: null }],
  [{ action: "Log" }, 'rule.action: Unsupported value: "Log": supported values: "Allow", "Deny"'],
  [{ action: null }, "rule.action: Required value"],
  [
    { action: 5 },
    'rule.action: Invalid value: "integer": rule.action in body must be of type string: "integer"',
    'rule.action: Unsupported value: 5: supported values: "Allow", "Deny"',
  ],
  [{ protocol: null }],
  [{ name: "éé🏰🏰" }],
  [{ name: "abcde" }, "still means: rule.name: Too long: may not be more than 4 bytes"],
  [{ name: "🏰🏰🏰🏰🏰" }, "still means: rule.name: Too long: may not be more than 4 bytes"],
  [{ name: 1.5 }, 'rule.name: Invalid value: "number": rule.name in body must be of type string: "number"'],
  [{ even: "odd" }, 'rule.even: Invalid value: "odd": must be even'],
  [{ lenient: "odd" }, 'still means: rule.lenient: Invalid value: "odd": must be even'],
  [{ lenient: "x" }, 'rule.lenient: Invalid value: "x": must be even'],
  [{ even: [] }, 'rule.even: Invalid value: "array": rule.even in body must be of type string: "array"'],
  [{ texts: [] }, "rule.texts: Invalid value: 0: rule.texts in body should have at least 1 items"],
  [{ texts: ["a", "b", "c"] }, "still means: rule.texts: Too many: 3: must have at most 2 items"],
  [{ texts: ["a", "a"] }, 'still means: rule.texts[1]: Duplicate value: "a"'],
  [
    { texts: ["a", "b", "b", "b", "a"] },
    "still means: rule.texts: Too many: 5: must have at most 2 items",
    'still means: rule.texts[2]: Duplicate value: "b"',
    'still means: rule.texts[4]: Duplicate value: "a"',
  ],
  [
    { texts: ["A", null] },
    "rule.texts[0]: Invalid value: \"A\": rule.texts[0] in body should match '^[a-z]+$'",
    'rule.texts[1]: Invalid value: "null": rule.texts[1] in body must be of type string: "null"',
  ],
  [{ texts: {} }, 'rule.texts: Invalid value: "object": rule.texts in body must be of type array: "object"'],
  [{ one: {} }, "rule.one: Invalid value: 0: rule.one in body should have at least 1 properties"],
  [{ one: { a: null } }, "rule.one: Invalid value: 0: rule.one in body should have at least 1 properties"],
  [{ one: { a: 1, b: 2 } }, "rule.one: Too many: 2: must have at most 1 item"],
  [{ one: { a: 1, b: null } }],
  [{ one: { c: 1 } }, "rule.one.c: unknown field"],
  [{ one: { a: 0 } }, "rule.one.a: Invalid value: 0: rule.one.a in body should be greater than or equal to 1"],
  [{ one: { a: 65536 } }, "rule.one.a: Invalid value: 65536: rule.one.a in body should be less than or equal to 65535"],
  [{ one: { a: "1" } }, 'rule.one.a: Invalid value: "string": rule.one.a in body must be of type integer: "string"'],
  [{ one: { a: NaN } }, 'rule.one.a: Invalid value: "number": rule.one.a in body must be of type integer: "number"'],
  [{ one: 1e20 }, 'rule.one: Invalid value: "number": rule.one in body must be of type object: "number"'],
  [{ secret: {} }, "rule.secret: unknown field: the gate is shut"],
  [{ extra: null, constructor: 1 }, "rule.extra: unknown field", "rule.constructor: unknown field"],
  [{ selector: { matchLabels: { a: null, b: "c" }, matchExpressions: [{ key: "k", operator: "Whatever" }] } }],
  [
    { selector: { matchLabels: { a: 1 }, matchExpressions: [{ key: "k" }, null] } },
    "rule.selector.matchExpressions[0].operator: Required value",
    'rule.selector.matchExpressions[1]: Invalid value: "null": rule.selector.matchExpressions[1] in body must be of type object: "null"',
    'rule.selector.matchLabels.a: Invalid value: "integer": rule.selector.matchLabels.a in body must be of type string: "integer"',
  ],
  [
    { selector: { matchLabels: [], matchLabel: {} } },
    "rule.selector.matchLabel: unknown field",
    'rule.selector.matchLabels: Invalid value: "array": rule.selector.matchLabels in body must be of type object: "array"',
  ],
];

describe("checking against a schema", () => {
  for (const [fields, ...expected] of table) {
    it(`${JSON.stringify(fields)}: ${expected.length === 0 ? "is accepted" : expected.join("; ")}`, () => {
      assert.deepEqual(ofRule(fields), expected);
    });
  }

  it("tells values that are no object", () => {
    for (const [value, type] of [
      [null, "null"],
      [[], "array"],
      ["x", "string"],
      [true, "boolean"],
    ] as const) {
      const expected = `rule: Invalid value: "${type}": rule in body must be of type object: "${type}"`;
      assert.deepEqual(lines(value), [expected]);
    }
  });

  it("leaves texts that are too long for a pattern to who reads them", () => {
    assert.equal(ofRule({ texts: ["A".repeat(1024)] }).length, 1);
    assert.deepEqual(ofRule({ texts: ["A".repeat(1025)] }), []);
  });

  it("does not follow names that objects inherit", () => {
    const inherited = JSON.parse('{"action":"Deny","__proto__":{"name":5}}') as object;
    assert.deepEqual(lines(inherited), ["rule[__proto__]: unknown field"]);
  });
});
