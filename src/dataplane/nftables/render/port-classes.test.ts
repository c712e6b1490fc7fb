import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ChainClause, PortRange } from "../../../ir/ruleset.ts";
import type { PolicyId } from "../../../policy/policy.ts";
import { clausesOfProtocol } from "./port-classes.ts";

const range = fc
  .tuple(fc.constantFrom("TCP" as const, "UDP" as const), fc.nat(20), fc.nat(6))
  .map(([protocol, from, length]): PortRange => ({ protocol, from, to: from + length }));

const everyPort: PortRange = { protocol: "TCP", from: 0, to: 65535 };

const clauses = fc
  .array(
    fc.option(fc.array(fc.oneof({ weight: 9, arbitrary: range }, { weight: 1, arbitrary: fc.constant(everyPort) }))),
  )
  .map((lists) =>
    lists.map((ports, rule): ChainClause => ({
      policy: "NetworkPolicy/a/b" as PolicyId,
      rule,
      action: "accept",
      match: { kind: "peers", peers: null, ports },
    })),
  );

describe("port classes", () => {
  it("hold, for each port, the clauses that name it", () => {
    fc.assert(
      fc.property(clauses, (all) => {
        const { classes, everyPort: rest } = clausesOfProtocol(all, "TCP");
        for (let port = 0; port < 30; port++) {
          const found = classes.filter(({ ranges }) => ranges.some(({ from, to }) => from <= port && port <= to));
          assert.ok(found.length <= 1, "classes are disjoint");
          const naive = all.filter(({ match }) => {
            const ports = match.kind === "peers" ? (match.ports ?? []) : [];
            return ports.some(({ protocol, from, to }) => protocol === "TCP" && from <= port && port <= to);
          });
          const here = [...(found[0]?.clauses ?? []), ...rest].map(({ rule }) => rule).sort((a, b) => a - b);
          assert.deepEqual(
            here,
            naive.map(({ rule }) => rule),
          );
        }
      }),
    );
  });

  it("are different from each other", () => {
    fc.assert(
      fc.property(clauses, (all) => {
        const { classes } = clausesOfProtocol(all, "TCP");
        const keys = classes.map((portClass) => portClass.clauses.map(({ rule }) => rule).join());
        assert.equal(new Set(keys).size, keys.length);
      }),
    );
  });
});
