import assert from "node:assert/strict";
import { it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../../test/property.ts";
import type { GroupName } from "../../../ir/ruleset.ts";
import { addressFromValue } from "../../../net/address.ts";
import { MemberTable } from "../members.ts";
import { condensed } from "./condensed-union.ts";
import type { UnionBlock } from "./part.ts";

const groups = ["g-a", "g-b", "g-c", "g-d", "g-e"] as GroupName[];
const highest = 11;
const addresses = Array.from({ length: highest + 1 }, (_, value) => addressFromValue(4, BigInt(value)));

const counter = fc.option(fc.constantFrom("one", "two"), { nil: null, freq: 2 });
const entry = fc.record({ counter, members: fc.subarray(groups, { minLength: 1, maxLength: 2 }) });
const edges = fc.uniqueArray(fc.nat(highest), { maxLength: 6 }).map((at) => at.sort((a, b) => a - b));
const blocks = fc
  .tuple(edges, fc.array(fc.tuple(fc.nat(6), fc.boolean()), { minLength: 6, maxLength: 6 }))
  .map(([starts, more]): UnionBlock[] =>
    starts.map((low, index) => ({
      low: BigInt(low),
      high: more[index]?.[1] === true ? BigInt((starts[index + 1] ?? highest + 1) - 1) : BigInt(low),
      before: more[index]?.[0] ?? 0,
      counter: null,
    })),
  );
const membership = fc.tuple(...groups.map(() => fc.subarray(addresses)));

it("says of every address what the whole says, with no more than it takes", () => {
  let [smaller, behind] = [0, 0];
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 7 }), blocks, membership, (entries, some, members) => {
      const table = new MemberTable();
      for (const [index, name] of groups.entries()) table.create(name, members[index] ?? []);
      const whole = { entries, blocks: some };
      const less = condensed(whole);
      assert.deepEqual(table.unionOf(less, 4), table.unionOf(whole, 4));
      for (const address of addresses) {
        assert.equal(table.counterIn(less, 4, address), table.counterIn(whole, 4, address), address);
      }
      assert.ok(less.entries.length <= entries.length && less.blocks.length <= some.length);
      if (less.entries.length < entries.length) smaller += 1;
      if (less.entries.length > 1 && less.blocks.some(({ before }) => before > 0)) behind += 1;
      assert.deepEqual(condensed(less), less);
    }),
    tries(500),
  );
  assert.ok(smaller > 20 && behind > 20, `${smaller} smaller, ${behind} with blocks behind entries`);
});
