import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { Family } from "./address.ts";
import { addressFromValue, familyBits, parseAddress } from "./address.ts";
import { cidrAround, cidrContains, parseCidr } from "./cidr.ts";
import { containedIn } from "./contained-in.ts";

const family = fc.constantFrom<Family>(4, 6);
const anyValue = (of: Family): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: (1n << BigInt(familyBits(of))) - 1n });
const block = family.chain((of) =>
  fc.tuple(anyValue(of), fc.nat(familyBits(of))).map(([value, bits]) => cidrAround(of, value, bits)),
);

/** Blocks, and an address that is near one of them: as many leading bits as `bits` are the block's. */
const blocksAndAddress = fc.array(block, { minLength: 1, maxLength: 3 }).chain((blocks) =>
  fc.tuple(fc.constantFrom(...blocks), fc.nat(128), fc.nat()).map(([near, bits, noise]) => {
    const width = familyBits(near.family);
    const changed = 1n << BigInt(width - 1 - (bits % width));
    const value = (near.base ^ changed) + (BigInt(noise) % changed);
    return { blocks, address: addressFromValue(near.family, value % (1n << BigInt(width))) };
  }),
);

it("blocks made ready hold what the blocks hold", () => {
  let inside = 0;
  let outside = 0;
  fc.assert(
    fc.property(blocksAndAddress, ({ blocks, address }) => {
      const expected = blocks.some((one) => cidrContains(one, address));
      if (expected) inside += 1;
      else outside += 1;
      assert.equal(containedIn(blocks)(address), expected);
    }),
    tries(2000),
  );
  assert.ok(inside > 100 && outside > 100, `${inside} inside, ${outside} outside`);
});

it("the ends of blocks, and blocks of one address and of all", () => {
  const answers = (text: string, ...addresses: readonly string[]): readonly boolean[] => {
    const contains = containedIn([parseCidr(text)].filter((one) => one !== null));
    return addresses.map((one) => contains(parseAddress(one)!));
  };
  const [no, yes] = [false, true];
  assert.deepEqual(answers("200.0.1.0/24", "200.0.0.255", "200.0.1.0", "200.0.1.255", "200.0.2.0", "::1"), [
    no,
    yes,
    yes,
    no,
    no,
  ]);
  assert.deepEqual(answers("255.255.255.255/32", "255.255.255.255", "255.255.255.254"), [yes, no]);
  assert.deepEqual(answers("0.0.0.0/0", "255.0.0.1", "::1"), [yes, no]);
  assert.deepEqual(answers("fd00:1::/33", "fd00:1::", "fd00:1:7fff::1", "fd00:1:8000::", "10.0.0.1"), [
    yes,
    yes,
    no,
    no,
  ]);
  assert.deepEqual(answers("::/0", "ffff::", "10.0.0.1"), [yes, no]);
  assert.deepEqual(answers("fd00::1/128", "fd00::1", "fd00::2"), [yes, no]);
});
