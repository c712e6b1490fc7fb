import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Address } from "../net/address.ts";
import { addressFromValue } from "../net/address.ts";
import { createLearned, learnedFor, mostLearned } from "./learned.ts";

const address = (index: number): Address => addressFromValue(4, BigInt(0x0a000000 + index));
const [one, two] = [address(1), address(2)];
const told = (held: boolean, ...addresses: readonly Address[]) => addresses.map((known) => ({ address: known, held }));

describe("learned addresses", () => {
  it("are over when no pod has held them for the agreed time", () => {
    let now = 1_000_000;
    const learned = createLearned(() => now, new Map());
    assert.deepEqual([learned.over(), learned.overIn()], [[], Infinity]);
    learned.follow(told(true, one, two));
    assert.deepEqual([learned.over(), learned.overIn()], [[], Infinity]);
    learned.follow([...told(false, one), ...told(true, two)]);
    now += learnedFor - 1;
    // Said again: its time goes on.
    learned.follow([...told(false, one), ...told(true, two)]);
    assert.deepEqual([learned.over(), learned.overIn()], [[], 1]);
    now += 1;
    assert.deepEqual([learned.over(), learned.overIn()], [[one], 0]);
    learned.follow(told(true, two));
    assert.deepEqual([...learned.entries()], [[two, null]]);
  });

  it("have all their time again after another pod", () => {
    let now = 0;
    const learned = createLearned(() => now, new Map([[one, 0]]));
    now = learnedFor - 1;
    learned.follow(told(true, one));
    learned.follow(told(false, one));
    assert.deepEqual([learned.over(), learned.overIn()], [[], learnedFor]);
  });

  it("of an earlier agent go on as it wrote them down; what was held then, and is not, is without a pod from now on", () => {
    const learned = createLearned(
      () => 5000,
      new Map([
        [one, 2000],
        [two, null],
      ]),
    );
    learned.follow(told(false, one, two));
    assert.deepEqual(
      [...learned.entries()],
      [
        [one, 2000],
        [two, 5000],
      ],
    );
  });

  it("are not kept for ever by a clock that is set back", () => {
    let now = 1_000_000_000;
    const learned = createLearned(() => now, new Map([[one, now]]));
    now = 0;
    assert.equal(learned.overIn(), learnedFor);
    learned.follow(told(false, one));
    now = learnedFor;
    assert.deepEqual(learned.over(), [one]);
  });

  it("without a pod are so many at most: the oldest go", () => {
    const many = Array.from({ length: mostLearned + 3 }, (_, index) => address(index));
    const learned = createLearned(() => 10_000, new Map(many.map((old, index) => [old, index])));
    assert.deepEqual([learned.over(), learned.overIn()], [many.slice(0, 3), 0]);
  });
});
