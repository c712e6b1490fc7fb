import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { Address, Family } from "./address.ts";
import { addressFromValue, familyBits, familyOf } from "./address.ts";
import type { AddressSet } from "./address-set.ts";
import {
  addressSetContains,
  addressSetOf,
  addressSetToCidrs,
  emptyAddresses,
  equalAddresses,
  everyAddress,
  formatAddressRange,
  intersectAddresses,
  isEmptyAddresses,
  subtractAddresses,
  unionAddresses,
} from "./address-set.ts";
import type { Cidr } from "./cidr.ts";
import { cidrAround, cidrContains, formatCidr, parseCidr } from "./cidr.ts";

/** Blocks of 1 to 32 addresses at both ends of each family's space. */
const small: fc.Arbitrary<Cidr> = fc
  .record({
    family: fc.constantFrom<Family>(4, 6),
    top: fc.boolean(),
    offset: fc.integer({ min: 0, max: 63 }),
    host: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ family, top, offset, host }) => {
    const bits = familyBits(family);
    const start = top ? (1n << BigInt(bits)) - 64n : 0n;
    return cidrAround(family, start + BigInt(offset), bits - host);
  });
/** Any block, most of them enormous. */
const big: fc.Arbitrary<Cidr> = fc
  .record({
    family: fc.constantFrom<Family>(4, 6),
    value: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    bits: fc.nat(32),
  })
  .map(({ family, value, bits }) => cidrAround(family, BigInt.asUintN(familyBits(family), value), bits));

const universe: readonly Address[] = ([4, 6] as const).flatMap((family) =>
  [0n, (1n << BigInt(familyBits(family))) - 64n].flatMap((start) =>
    Array.from({ length: 64 }, (_, index) => addressFromValue(family, start + BigInt(index))),
  ),
);

const model =
  (cidrs: readonly Cidr[]) =>
  (address: Address): boolean =>
    cidrs.some((cidr) => cidrContains(cidr, address));

function assertMembers(set: AddressSet, expected: (address: Address) => boolean, among: readonly Address[]): void {
  for (const address of among) assert.equal(addressSetContains(set, address), expected(address), address);
  for (const family of ["v4", "v6"] as const) {
    let last = -2n;
    for (const { low, high } of set[family]) {
      assert.ok(low <= high && low > last + 1n, "canonical");
      last = high;
    }
  }
}

function checkAlgebra(left: readonly Cidr[], right: readonly Cidr[], among: readonly Address[]): void {
  const [a, b] = [addressSetOf(left), addressSetOf(right)];
  const [inA, inB] = [model(left), model(right)];
  assertMembers(a, inA, among);
  assertMembers(unionAddresses(a, b), (one) => inA(one) || inB(one), among);
  assertMembers(intersectAddresses(a, b), (one) => inA(one) && inB(one), among);
  assertMembers(subtractAddresses(a, b), (one) => inA(one) && !inB(one), among);
}

describe("sets of addresses", () => {
  it("agree with asking every block about every address", () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 8 }), fc.array(small, { maxLength: 8 }), (left, right) => {
        checkAlgebra(left, right, universe);
        const same = universe.every((one) => model(left)(one) === model(right)(one));
        assert.equal(equalAddresses(addressSetOf(left), addressSetOf(right)), same);
      }),
      tries(200),
    );
  });

  it("agree at the edges of enormous blocks", () => {
    fc.assert(
      fc.property(fc.array(big, { maxLength: 8 }), fc.array(big, { maxLength: 8 }), (left, right) => {
        const edges = [...left, ...right].flatMap((cidr) => {
          const size = 1n << BigInt(familyBits(cidr.family) - cidr.bits);
          return (
            [cidr.base - 1n, cidr.base, cidr.base + size - 1n, cidr.base + size]
              .filter((value) => value >= 0n && value >> BigInt(familyBits(cidr.family)) === 0n)
              .map((value) => addressFromValue(cidr.family, value))
              // A number in ::ffff:0:0/96 comes back as IPv4; it is no edge of this block then.
              .filter((address) => familyOf(address) === cidr.family)
          );
        });
        checkAlgebra(left, right, edges);
      }),
      tries(300),
    );
  });

  it("have everything and nothing", () => {
    fc.assert(
      fc.property(fc.array(big, { maxLength: 8 }), (cidrs) => {
        const set = addressSetOf(cidrs);
        const rest = subtractAddresses(everyAddress, set);
        assert.ok(equalAddresses(unionAddresses(set, rest), everyAddress));
        assert.ok(isEmptyAddresses(intersectAddresses(set, rest)));
        assert.ok(equalAddresses(unionAddresses(set, emptyAddresses), set));
      }),
      tries(200),
    );
  });

  it("become the fewest blocks", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(small, big), { maxLength: 8 }), (cidrs) => {
        const set = addressSetOf(cidrs);
        const blocks = addressSetToCidrs(set);
        assert.ok(equalAddresses(addressSetOf(blocks), set));
        // A set has one least list of blocks: maximal ones. None can be merged with its twin or lies in another.
        const names = new Set(blocks.map(formatCidr));
        assert.equal(names.size, blocks.length);
        for (const { family, base, bits } of blocks) {
          assert.equal(cidrAround(family, base, bits).base, base, "a block begins where its prefix ends");
          if (bits === 0) continue;
          const twin = base ^ (1n << BigInt(familyBits(family) - bits));
          assert.ok(!names.has(formatCidr({ family, base: twin, bits })), "twins are merged");
          const parent = cidrAround(family, base, bits - 1);
          assert.ok(
            !blocks.some(
              (one) =>
                one.bits < bits && one.family === parent.family && cidrAround(family, base, one.bits).base === one.base,
            ),
          );
        }
      }),
      tries(300),
    );
  });

  it("cut an exception out of its block", () => {
    const blocks = (...texts: string[]): AddressSet => addressSetOf(texts.map((text) => parseCidr(text) as Cidr));
    const rest = subtractAddresses(blocks("10.0.0.0/8", "fd00::/8"), blocks("10.1.0.0/16"));
    assert.deepEqual(
      rest.v4.map((interval) => formatAddressRange(4, interval)),
      ["10.0.0.0-10.0.255.255", "10.2.0.0-10.255.255.255"],
    );
    assert.equal(rest.v6.length, 1);
    assert.equal(formatAddressRange(6, { low: 1n, high: 1n }), "::1");
  });
});
