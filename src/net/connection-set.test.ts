import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../test/property.ts";
import type { ConnectionSet } from "./connection-set.ts";
import {
  allConnections,
  connectionParts,
  connectionsContain,
  equalConnections,
  intersectConnections,
  isEmptyConnections,
  noConnections,
  portConnections,
  subtractConnections,
  unionConnections,
} from "./connection-set.ts";
import { portSet } from "./port-set.ts";
import type { Protocol } from "./protocol.ts";

const ports = fc
  .array(fc.record({ from: fc.nat(20), size: fc.nat(6) }), { maxLength: 4 })
  .map((list) => portSet(list.map(({ from, size }) => ({ from, to: from + size }))));
const connections: fc.Arbitrary<ConnectionSet> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ TCP: ports, UDP: ports, SCTP: ports, ICMP: fc.boolean(), other: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom(noConnections, allConnections) },
);

const protocols: readonly Protocol[] = ["TCP", "UDP", "SCTP", "ICMP", "other"];
const universe = protocols.flatMap((protocol) => Array.from({ length: 30 }, (_, port) => ({ protocol, port })));
const members = (set: ConnectionSet): boolean[] =>
  universe.map(({ protocol, port }) => connectionsContain(set, protocol, port));

describe("sets of connections", () => {
  it("agree with one boolean a protocol and port", () => {
    fc.assert(
      fc.property(connections, connections, (a, b) => {
        const [inA, inB] = [members(a), members(b)];
        assert.deepEqual(
          members(unionConnections(a, b)),
          inA.map((one, index) => one || inB[index]),
        );
        assert.deepEqual(
          members(intersectConnections(a, b)),
          inA.map((one, index) => one && inB[index]),
        );
        assert.deepEqual(
          members(subtractConnections(a, b)),
          inA.map((one, index) => one && !inB[index]),
        );
        assert.equal(
          equalConnections(a, b),
          inA.every((one, index) => one === inB[index]),
        );
        assert.equal(isEmptyConnections(a), !inA.includes(true));
      }),
      tries(500),
    );
  });

  it("print only what is not empty, protocols without ports as all", () => {
    const web = portConnections(
      "TCP",
      portSet([
        { from: 80, to: 80 },
        { from: 8000, to: 9000 },
      ]),
    );
    assert.deepEqual(connectionParts(web), [{ protocol: "TCP", ports: "80,8000-9000" }]);
    assert.deepEqual(connectionParts(noConnections), []);
    assert.deepEqual(
      connectionParts(allConnections),
      protocols.map((protocol) => ({ protocol, ports: "all" })),
    );
  });
});
