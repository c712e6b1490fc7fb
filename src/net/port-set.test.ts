import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { PortInterval, PortSet } from "./port-set.ts";
import {
  allPorts,
  emptyPorts,
  equalPorts,
  formatPorts,
  highestPort,
  intersectPorts,
  isEmptyPorts,
  portSet,
  portsContain,
  subtractPorts,
  unionPorts,
} from "./port-set.ts";

/** The naive model: one boolean a port. Ranges lie near both ends of the universe and in a small window between. */
type Model = readonly boolean[];
const windows = [0, 1000, highestPort - 40];
const ranges: fc.Arbitrary<PortInterval[]> = fc.array(
  fc
    .record({
      window: fc.constantFrom(...windows),
      from: fc.integer({ min: 0, max: 40 }),
      size: fc.integer({ min: -3, max: 12 }),
    })
    .map(({ window, from, size }) => ({ from: window + from, to: Math.min(highestPort, window + from + size) })),
  { maxLength: 12 },
);
const universe = windows
  .flatMap((window) => Array.from({ length: 60 }, (_, index) => window + index))
  .filter((port) => port <= highestPort);

function model(list: readonly PortInterval[]): Model {
  return universe.map((port) => list.some(({ from, to }) => from <= port && port <= to));
}

function membership(set: PortSet): Model {
  return universe.map((port) => portsContain(set, port));
}

function assertCanonical(set: PortSet): void {
  let last = -2;
  for (const { from, to } of set.intervals) {
    assert.ok(from <= to && from > last + 1, JSON.stringify(set));
    last = to;
  }
}

describe("sets of ports", () => {
  it("agree with one boolean a port", () => {
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const [a, b] = [portSet(left), portSet(right)];
        const [inA, inB] = [model(left), model(right)];
        assert.deepEqual(membership(a), inA);
        assert.deepEqual(
          membership(unionPorts(a, b)),
          inA.map((one, index) => one || inB[index]),
        );
        assert.deepEqual(
          membership(intersectPorts(a, b)),
          inA.map((one, index) => one && inB[index]),
        );
        assert.deepEqual(
          membership(subtractPorts(a, b)),
          inA.map((one, index) => one && !inB[index]),
        );
        const same = inA.every((one, index) => one === inB[index]);
        assert.equal(equalPorts(a, b), same);
        assert.equal(isEmptyPorts(a), !inA.includes(true));
        for (const set of [a, unionPorts(a, b), intersectPorts(a, b), subtractPorts(a, b)]) assertCanonical(set);
      }),
      tries(1000),
    );
  });

  it("have all ports and none", () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const set = portSet(list);
        assert.ok(equalPorts(unionPorts(set, subtractPorts(allPorts, set)), allPorts));
        assert.ok(isEmptyPorts(intersectPorts(set, subtractPorts(allPorts, set))));
        assert.ok(equalPorts(unionPorts(set, emptyPorts), set));
      }),
      tries(200),
    );
  });

  it("print in the terms of the command line", () => {
    assert.equal(
      formatPorts(
        portSet([
          { from: 8000, to: 9000 },
          { from: 80, to: 80 },
          { from: 443, to: 443 },
        ]),
      ),
      "80,443,8000-9000",
    );
    assert.equal(
      formatPorts(
        portSet([
          { from: 81, to: 90 },
          { from: 80, to: 80 },
        ]),
      ),
      "80-90",
    );
    assert.equal(formatPorts(allPorts), "all");
    assert.equal(formatPorts(emptyPorts), "");
  });

  it("refuse what is no port", () => {
    for (const range of [
      { from: -1, to: 1 },
      { from: 1, to: 65536 },
      { from: 1.5, to: 2 },
      { from: NaN, to: 2 },
    ]) {
      assert.throws(() => portSet([range]), RangeError);
    }
  });
});
