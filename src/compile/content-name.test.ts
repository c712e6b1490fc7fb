import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import { contentName, digestOf } from "./content-name.ts";

it("a digest depends on where one part ends and the next begins", () => {
  assert.notEqual(digestOf(["ab", "c"]), digestOf(["a", "bc"]));
  assert.notEqual(digestOf(["1:a"]), digestOf(["a", ""]));
  assert.match(digestOf([]), /^[a-z2-7]{16}$/);
});

it("all 80 bits of a digest count", () => {
  const seen = Array.from({ length: 16 }, () => new Set<string>());
  for (let index = 0; index < 600; index++) Array.from(digestOf([`${index}`])).forEach((one, at) => seen[at]?.add(one));
  assert.deepEqual(
    seen.map((letters) => letters.size),
    Array.from({ length: 16 }, () => 32),
  );
});

it("names hold nothing but letters, digits, dots and dashes, whatever the words, and are short", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 2000, size: "max" }), (words) => {
      assert.match(contentName("in", words, digestOf([words])), /^in-([A-Za-z0-9.-]{1,40}-)?[a-z2-7]{16}$/);
    }),
    tries(300),
  );
});
