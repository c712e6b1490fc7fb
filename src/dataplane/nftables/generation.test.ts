import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { generationOf, hexMark, markLayout, nextGeneration, randomGeneration, stampOf } from "./generation.ts";

describe("generations in the connection mark", () => {
  it("use the bits of the mask only, the highest for egress", () => {
    const layout = markLayout(0x00ff0000);
    const expected = { mask: 0x00ff0000, egressBit: 0x00800000, generationMask: 0x007f0000, shift: 16, last: 127 };
    assert.deepEqual(layout, expected);
    assert.equal(hexMark(stampOf(layout, 127)), "0x007f0000");
    assert.equal(generationOf(layout, 0x12fe3456), 126);
    assert.equal(generationOf(layout, 0xff80ffff), null);
    assert.equal(hexMark(markLayout(0xffffffff).generationMask), "0x7fffffff");
  });

  it("come around to 1", () => {
    const layout = markLayout(0xffff0000);
    assert.equal(nextGeneration(layout, 32766), 32767);
    assert.equal(nextGeneration(layout, 32767), 1);
  });

  it("start anywhere", () => {
    const layout = markLayout(0xff);
    for (let index = 0; index < 2000; index++) {
      assert.equal(generationOf(layout, stampOf(layout, randomGeneration(layout))) !== null, true);
    }
  });

  it("need eight bits in a row", () => {
    for (const mask of [0, 0x7f, 0xf0f0, -1, 0x1_0000_0000, 1.5]) assert.throws(() => markLayout(mask), RangeError);
    for (const mask of [0xff, 0xff000000, 0xffffffff, 0x7fffffff]) assert.equal(markLayout(mask).mask, mask);
  });
});
