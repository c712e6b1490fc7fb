import assert from "node:assert/strict";
import { isIP } from "node:net";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { Family } from "./address.ts";
import {
  addressBytes,
  addressFromValue,
  addressValue,
  compareAddresses,
  familyBits,
  familyOf,
  parseAddress,
  parseApiAddress,
} from "./address.ts";

const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff }));
const groups = fc.array(group, { minLength: 8, maxLength: 8 });
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const isMapped = (eight: readonly number[]): boolean =>
  eight.slice(0, 5).every((one) => one === 0) && eight[5] === 0xffff;

/** The serializer of URLs compresses as RFC 5952 says, and shares no code with ours. */
const canonicalByUrl = (text: string): string => new URL(`http://[${text}]/`).hostname.slice(1, -1);

const anyAddress = fc
  .record({ family: fc.constantFrom<Family>(4, 6), value: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }) })
  .map(({ family, value }) => addressFromValue(family, BigInt.asUintN(familyBits(family), value)));

describe("addresses of our own input", () => {
  it("reads what Node reads as an address and nothing else", () => {
    const pieces = fc.constantFrom(
      "0",
      "1",
      "255",
      "256",
      "01",
      "1.2.3.4",
      "ffff",
      "FFFF",
      "12345",
      "::",
      ":",
      ".",
      "%",
      "g",
      " ",
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 16 }).map((list) => list.join("")),
      fc.array(fc.constantFrom("", "0", "1", "ab", "ffff", "1.2.3.4"), { maxLength: 10 }).map((list) => list.join(":")),
      fc
        .array(fc.constantFrom("", "0", "1", "00", "010", "255", "256", "-1"), { maxLength: 5 })
        .map((list) => list.join(".")),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const known = isIP(candidate) !== 0 && !candidate.includes("%");
        assert.equal(parseAddress(candidate) !== null, known, JSON.stringify(candidate));
      }),
      tries(5000),
    );
  });

  it("prints IPv6 as RFC 5952 says, however it was written", () => {
    fc.assert(
      fc.property(groups, fc.boolean(), (eight, upper) => {
        fc.pre(!isMapped(eight));
        const long = eight.map((one) => one.toString(16).padStart(4, "0")).join(":");
        assert.equal(parseAddress(upper ? long.toUpperCase() : long), canonicalByUrl(long));
        assert.equal(parseAddress(canonicalByUrl(long)), canonicalByUrl(long));
      }),
      tries(1000),
    );
  });

  it("takes an IPv4-mapped address as the IPv4 address that it is", () => {
    assert.equal(parseAddress("::ffff:10.1.2.3"), "10.1.2.3");
    assert.equal(parseAddress("::FFFF:a01:203"), "10.1.2.3");
    assert.equal(parseAddress("0:0:0:0:0:ffff:0a01:0203"), "10.1.2.3");
    assert.equal(parseAddress("::10.1.2.3"), "::a01:203");
    assert.equal(parseAddress("::fffe:10.1.2.3"), "::fffe:a01:203");
  });

  it("refuses leading zeros, zones and megabytes", () => {
    for (const text of [
      "010.0.0.1",
      "10.0.0.01",
      "fe80::1%eth0",
      "0".repeat(1 << 20),
      "1".repeat(1 << 20),
      `${"0:".repeat(1 << 18)}1`,
    ]) {
      assert.equal(parseAddress(text), null);
    }
  });
});

describe("addresses of API objects", () => {
  it("reads leading zeros as decimal", () => {
    fc.assert(
      fc.property(octets, fc.integer({ min: 0, max: 9 }), (four, zeros) => {
        const padded = four.map((octet) => "0".repeat(zeros) + String(octet)).join(".");
        assert.equal(parseApiAddress(padded), four.join("."));
        assert.equal(parseApiAddress(`::ffff:${padded}`), four.join("."));
      }),
      tries(300),
    );
  });

  it("refuses what is no address", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.4 ",
      "0x1.2.3.4",
      "1:2:3:4:5:6:7:8::",
      "::1::",
      "g::",
      "10000::",
    ]) {
      assert.equal(parseApiAddress(text), null, text);
    }
  });
});

describe("addresses as numbers and bytes", () => {
  it("agree with the text", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const bytes = addressBytes(address);
        const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
        assert.equal(bytes.length * 8, familyBits(familyOf(address)));
        assert.equal(addressValue(address), value);
        assert.equal(addressFromValue(familyOf(address), value), address);
      }),
      tries(500),
    );
  });

  it("have an order: IPv4 first, then by number", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        const key = (one: typeof a): bigint => (familyOf(one) === 4 ? 0n : 1n << 128n) + addressValue(one);
        assert.equal(Math.sign(compareAddresses(a, b)), key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
      }),
      tries(500),
    );
  });

  it("do not exist outside their family", () => {
    assert.throws(() => addressFromValue(4, 1n << 32n), RangeError);
    assert.throws(() => addressFromValue(6, 1n << 128n), RangeError);
    assert.throws(() => addressFromValue(4, -1n), RangeError);
  });
});
