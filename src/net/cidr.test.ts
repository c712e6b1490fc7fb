import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { Family } from "./address.ts";
import { addressFromValue, addressValue, familyBits, familyOf } from "./address.ts";
import type { Cidr } from "./cidr.ts";
import {
  cidrAround,
  cidrContains,
  cidrInside,
  cidrRange,
  compareCidrs,
  formatCidr,
  hostCidr,
  parseApiCidr,
  parseCidr,
} from "./cidr.ts";

/** Few distinct leading bits, so that blocks meet. */
const value = (family: Family): fc.Arbitrary<bigint> =>
  fc.tuple(fc.constantFrom(0n, 1n, 2n, 3n), fc.bigInt({ min: 0n, max: 15n })).map(([top, low]) => {
    return (top << BigInt(familyBits(family) - 2)) | low;
  });

const cidr: fc.Arbitrary<Cidr> = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc
    .record({
      start: value(family),
      bits: fc.oneof(fc.constantFrom(0, 1, 2), fc.integer({ min: 0, max: familyBits(family) })),
    })
    .map(({ start, bits }) => cidrAround(family, start, bits)),
);
const address = fc
  .constantFrom<Family>(4, 6)
  .chain((family) => value(family).map((one) => addressFromValue(family, one)));

/** The naive model: the leading bits as text. */
const prefix = (block: Cidr): string =>
  block.base.toString(2).padStart(familyBits(block.family), "0").slice(0, block.bits);

describe("blocks", () => {
  it("hold the addresses that begin with their bits", () => {
    fc.assert(
      fc.property(cidr, address, (block, one) => {
        const bits = addressValue(one)
          .toString(2)
          .padStart(familyBits(familyOf(one)), "0");
        const expected = familyOf(one) === block.family && bits.startsWith(prefix(block));
        assert.equal(cidrContains(block, one), expected);
        const { low, high } = cidrRange(block);
        assert.equal(familyOf(one) === block.family && low <= addressValue(one) && addressValue(one) <= high, expected);
      }),
      tries(1000),
    );
  });

  it("are inside a block whose bits they begin with", () => {
    fc.assert(
      fc.property(cidr, cidr, (inner, outer) => {
        const expected = inner.family === outer.family && prefix(inner).startsWith(prefix(outer));
        assert.equal(cidrInside(inner, outer), expected);
        assert.ok(cidrInside(inner, inner));
      }),
      tries(1000),
    );
  });

  it("read what they print", () => {
    fc.assert(
      fc.property(cidr, (block) => {
        assert.deepEqual(parseCidr(formatCidr(block)), block);
        assert.deepEqual(parseApiCidr(formatCidr(block)), block);
        assert.equal(compareCidrs(block, block), 0);
      }),
      tries(500),
    );
  });

  it("of one address are its own", () => {
    fc.assert(
      fc.property(address, address, (one, other) => assert.equal(cidrContains(hostCidr(one), other), one === other)),
      tries(200),
    );
  });
});

describe("text of blocks", () => {
  const read = (text: string): string | null => {
    const block = parseApiCidr(text);
    return block === null ? null : formatCidr(block);
  };

  it("is read from API objects as Kubernetes does", () => {
    assert.equal(read("10.1.2.3/8"), "10.0.0.0/8");
    assert.equal(read("010.001.0.0/016"), "10.1.0.0/16");
    assert.equal(read("fd00::1/8"), "fd00::/8");
    assert.equal(read("0.0.0.0/0"), "0.0.0.0/0");
    assert.equal(read("::/0"), "::/0");
  });

  it("inside ::ffff:0:0/96 is IPv4, wider than that IPv6", () => {
    assert.equal(read("::ffff:10.1.2.3/104"), "10.0.0.0/8");
    assert.equal(read("::ffff:0:0/96"), "0.0.0.0/0");
    assert.equal(read("::ffff:10.1.2.3/95"), "::fffe:0:0/95");
    assert.equal(read("::ffff:10.1.2.3/0"), "::/0");
  });

  it("that is none is refused", () => {
    for (const text of [
      "",
      "/8",
      "10.0.0.0",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
      "10.0.0.0/ 8",
      "10.0.0.0/1e1",
      "fd00::/129",
      "fd00::%eth0/64",
      "x/8",
      `10.0.0.0/${"0".repeat(1 << 20)}8`,
    ]) {
      assert.equal(read(text), null, text.slice(0, 40));
    }
  });

  it("of our own input has no leading zeros and no bits after the prefix", () => {
    for (const text of ["10.1.2.3/8", "010.0.0.0/8", "10.0.0.0/08", "fd00::1/8"])
      assert.equal(parseCidr(text), null, text);
    assert.notEqual(parseCidr("10.0.0.0/8"), null);
  });
});
