import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  labelValueErrors,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  serviceNameErrors,
} from "./syntax.ts";
import type { SyntaxCheck } from "./syntax.ts";

interface Case {
  readonly check: SyntaxCheck;
  readonly good: readonly string[];
  /** Text to the beginnings of all its errors. */
  readonly bad: Readonly<Record<string, readonly string[]>>;
}

const long = (length: number): string => "a".repeat(length);

const cases: Readonly<Record<string, Case>> = {
  "a namespace's name": {
    check: dnsLabelErrors,
    good: ["a", "0", "a-b", long(63)],
    bad: {
      "": ["a lowercase RFC 1123 label must"],
      "a.b": ["must not contain dots"],
      A: ["a lowercase RFC 1123 label must"],
      "-a": ["a lowercase RFC 1123 label must"],
      "a\n": ["a lowercase RFC 1123 label must"],
      [long(64)]: ["must be no more than 63 bytes"],
      [`${long(70)}_`]: ["must be no more than 63 bytes", "a lowercase RFC 1123 label must"],
    },
  },
  "an object's name": {
    check: dnsSubdomainErrors,
    good: ["a", "a.b", "0.0", long(253)],
    bad: {
      "": ["a lowercase RFC 1123 subdomain must"],
      "a..b": ["a lowercase RFC 1123 subdomain must"],
      a_b: ["a lowercase RFC 1123 subdomain must"],
      [long(254)]: ["must be no more than 253 bytes"],
    },
  },
  "a Service's name": {
    check: serviceNameErrors,
    good: ["web", "0web"],
    bad: { "a.b": ["a DNS-1035 label must consist of"], [long(64)]: ["must be no more than 63 bytes"] },
  },
  "a label's key": {
    check: qualifiedNameErrors,
    good: ["a", "A_b.c-d", "example.com/a", long(63), `${long(253)}/${long(63)}`],
    bad: {
      "": ["name part must be non-empty", "name part must consist of"],
      "/a": ["prefix part must be non-empty"],
      "a/": ["name part must be non-empty", "name part must consist of"],
      "A/b": ["prefix part a lowercase RFC 1123 subdomain"],
      "a/b/c": ["a valid label key must consist of"],
      [long(64)]: ["name part must be no more than 63 bytes"],
      "-a": ["name part must consist of"],
      "a b": ["name part must consist of"],
    },
  },
  "a label's value": {
    check: labelValueErrors,
    good: ["", "a", "A_b.c-d", "1", long(63)],
    bad: {
      " ": ["a valid label must be an empty string"],
      "a/b": ["a valid label must"],
      "a-": ["a valid label must"],
      [long(64)]: ["must be no more than 63 bytes"],
    },
  },
  "a port's name": {
    check: portNameErrors,
    good: ["http", "a", "1a", "a-1", long(15)],
    bad: {
      "": ["must contain only", "must contain at least one letter"],
      "80": ["must contain at least one letter"],
      HTTP: ["must contain only", "must contain at least one letter"],
      "a--b": ["must not contain consecutive"],
      "-a": ["must not begin or end"],
      "a-": ["must not begin or end"],
      [long(16)]: ["must be no more than 15 bytes"],
    },
  },
};

describe("the syntax of", () => {
  for (const [name, { check, good, bad }] of Object.entries(cases)) {
    it(name, () => {
      for (const text of good) assert.deepEqual(check(text), [], text);
      for (const [text, beginnings] of Object.entries(bad)) {
        const errors = check(text);
        assert.equal(errors.length, beginnings.length, `${text}: ${errors.join("; ")}`);
        errors.forEach((error, index) => assert.ok(error.startsWith(beginnings[index] ?? "?"), error));
      }
      for (const text of [long(1 << 22), "-".repeat(1 << 22), "a.".repeat(1 << 21), "/".repeat(1 << 22)])
        assert.equal(check(text).length, 1);
    });
  }

  it("a port's number", () => {
    for (const port of [1, 80, 65535]) assert.deepEqual(portNumberErrors(port), []);
    for (const port of [0, -1, 65536, 1.5, NaN, Infinity]) assert.equal(portNumberErrors(port).length, 1);
  });
});
