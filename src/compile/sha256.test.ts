import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import { sha256 } from "./sha256.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const expected = (text: string): string => createHash("sha256").update(text).digest("hex");

it("is SHA-256 of the text in UTF-8, at every length around a block", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 5000]) {
    const text = "x".repeat(length);
    assert.equal(hex(sha256(text)), expected(text), `${length} characters`);
  }
  const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xd7ff }).map((unit) => String.fromCharCode(unit)) });
  fc.assert(
    fc.property(anyText, (text) => assert.equal(hex(sha256(text)), expected(text))),
    tries(300),
  );
});

it("tells surrogates apart that stand alone", () => {
  assert.notEqual(hex(sha256("\ud800")), hex(sha256("\ud801")));
});
