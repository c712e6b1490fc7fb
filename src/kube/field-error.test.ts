import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import {
  duplicate,
  fieldErrorText,
  forbidden,
  formatPath,
  invalid,
  notSupported,
  quoteText,
  required,
  wrongType,
} from "./field-error.ts";

describe("field errors", () => {
  it("are worded as Kubernetes words them", () => {
    const path = ["spec", "ingress", 0, "ports", 1, "port"];
    const text = (error: Parameters<typeof fieldErrorText>[0]): string => fieldErrorText(error);
    assert.equal(
      text(invalid(path, 70000, "must be between 1 and 65535, inclusive")),
      "spec.ingress[0].ports[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
    );
    assert.equal(text(invalid(["a"], "b", "")), 'a: Invalid value: "b"');
    assert.equal(text(required(["a"], "")), "a: Required value");
    assert.equal(text(required(["a"], "must specify a peer")), "a: Required value: must specify a peer");
    assert.equal(text(forbidden(["a"], "may not")), "a: Forbidden: may not");
    assert.equal(text(duplicate(["a"], "http")), 'a: Duplicate value: "http"');
    assert.equal(text(notSupported(["a"], "x", ["b", "c"])), 'a: Unsupported value: "x": supported values: "b", "c"');
    assert.equal(
      text(wrongType(["a", "b"], "x", "integer")),
      'a.b: Invalid value: "string": a.b in body must be of type integer: "string"',
    );
    assert.equal(
      text(wrongType([], null, "object")),
      '<nil>: Invalid value: "null": <nil> in body must be of type object: "null"',
    );
  });

  it("name keys of maps in brackets", () => {
    assert.equal(
      formatPath(["metadata", "labels", "app.kubernetes.io/name"]),
      "metadata.labels[app.kubernetes.io/name]",
    );
    assert.equal(formatPath(["metadata", "labels", "a\nb"]), 'metadata.labels["a\\nb"]');
    assert.equal(formatPath([0, "a"]), "[0].a");
  });

  it("quote as Go does", () => {
    assert.equal(quoteText('a"b\\c\n\t\u001b[31m\u202e\u2028'), '"a\\"b\\\\c\\n\\t\\u001b[31m\\u202e\\u2028"');
    assert.equal(quoteText("é艹"), '"é艹"');
  });

  it("stay one short printable line whatever the value is", () => {
    const hostile = fc.oneof(
      fc.anything(),
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.constantFrom(
        "x".repeat(1 << 22),
        "\u001b]0;title\u0007",
        "\u0085\u009b31m",
        "\ud800",
        "a\u2029b",
        "\u{e0041}",
      ),
    );
    fc.assert(
      fc.property(
        hostile,
        fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 400 }), fc.nat()), { maxLength: 3 }),
        (value, path) => {
          for (const error of [
            invalid(path, value, "x"),
            notSupported(path, value, ["a"]),
            duplicate(path, value),
            wrongType(path, value, "object"),
          ]) {
            const text = fieldErrorText(error);
            assert.ok(text.length < 10_000, `${text.length} characters`);
            assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          }
        },
      ),
      tries(1000),
    );
  });
});
