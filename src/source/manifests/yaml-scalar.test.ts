import assert from "node:assert/strict";
import { test } from "node:test";
import { resolvePlain, resolveTagged } from "./yaml-scalar.ts";

test("words that YAML 1.1 takes for booleans and null, as go-yaml 2 does", () => {
  for (const word of ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]) {
    assert.equal(resolvePlain(word), true, word);
  }
  for (const word of ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]) {
    assert.equal(resolvePlain(word), false, word);
  }
  for (const word of ["", "~", "null", "Null", "NULL"]) assert.equal(resolvePlain(word), null, word);
  for (const word of ["yEs", "oN", "tRUE", "nULL", "nil", "none", "<<", "="]) assert.equal(resolvePlain(word), word);
});

test("numbers", () => {
  const numbers: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["-0", 0],
    ["80", 80],
    ["+80", 80],
    ["-1", -1],
    ["017", 15],
    ["-017", -15],
    ["0o17", 15],
    ["0x1F", 31],
    ["0b101", 5],
    ["-0b11", -3],
    ["1_000", 1000],
    ["08", 8],
    ["089", 89],
    ["1.5", 1.5],
    ["1.", 1],
    [".5", 0.5],
    ["1e3", 1000],
    ["1.5E-3", 0.0015],
    ["9223372036854775808", 2 ** 63],
  ];
  for (const [text, value] of numbers) assert.equal(resolvePlain(text), value, text);
});

test("what looks like a number but is text", () => {
  const texts = [
    "1:30",
    "2001-01-01",
    "2001-12-14T21:59:43Z",
    "10.0.0.1",
    "0x",
    "0b2",
    "1e999",
    "._5",
    ".",
    "-",
    "+.inf",
    ".nan",
    "1,5",
    "1 2",
    "0xFFG",
  ];
  for (const text of texts) assert.equal(resolvePlain(text), text);
});

test("tags", () => {
  assert.equal(resolveTagged("str", "12"), "12");
  assert.equal(resolveTagged("int", "12"), 12);
  assert.equal(resolveTagged("int", "1.5"), undefined);
  assert.equal(resolveTagged("float", "12"), 12);
  assert.equal(resolveTagged("bool", "yes"), true);
  assert.equal(resolveTagged("bool", "maybe"), undefined);
  assert.equal(resolveTagged("null", "~"), null);
  assert.equal(resolveTagged("binary", "AAAA"), undefined);
});
