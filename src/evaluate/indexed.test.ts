import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { tries } from "../../test/property.ts";
import { anyConnection, smallCluster, someOptions } from "../../test/small-cluster.ts";
import type { Decision } from "./decision.ts";
import type { ExplainedPart } from "./explain.ts";
import { explain } from "./explain.ts";
import { createEvaluator } from "./indexed.ts";
import { evaluate } from "./reference.ts";

const isPart = (value: unknown): value is ExplainedPart =>
  typeof value === "object" && value !== null && "selectedBy" in value;

describe("the indexed evaluator", () => {
  const questions = fc.array(anyConnection, { minLength: 20, maxLength: 20 });

  it("answers as the reference does, whatever the cluster, also when asked again, also when it may remember little", () => {
    fc.assert(
      fc.property(smallCluster, someOptions, questions, (cluster, options, connections) => {
        const evaluators = [createEvaluator(cluster, options), createEvaluator(cluster, options, 3)];
        for (const connection of [...connections, ...connections]) {
          const expected = evaluate(cluster, connection, options);
          for (const evaluator of evaluators) assert.deepEqual(evaluator.decide(connection), expected);
        }
      }),
      tries(1500),
    );
  });

  it("is asked about all kinds of decisions by that property", () => {
    const seen = new Set<string>();
    const note = ({ ingress, egress }: Decision) => {
      for (const part of [ingress, egress]) seen.add(`${part.verdict} ${part.tier} ${part.decidedBy !== null}`);
    };
    const inputs = fc.sample(fc.tuple(smallCluster, someOptions, questions), { numRuns: 400, seed: 1 });
    for (const [cluster, options, connections] of inputs) {
      connections.forEach((connection) => note(evaluate(cluster, connection, options)));
    }
    assert.deepEqual([...seen].sort(), [
      "allow admin true",
      "allow baseline true",
      "allow default false",
      "allow networkpolicy true",
      "allow none false",
      "deny admin true",
      "deny baseline true",
      "deny default false",
      "deny networkpolicy false",
      "deny none false",
    ]);
  });
});

describe("explain", () => {
  it("says what the reference says, and gives every rule that came near a reason", () => {
    fc.assert(
      fc.property(smallCluster, someOptions, anyConnection, (cluster, options, connection) => {
        const explanation = explain(cluster, connection, options);
        const decision = evaluate(cluster, connection, options);
        assert.equal(explanation.verdict, decision.verdict);
        for (const direction of ["ingress", "egress"] as const) {
          const part = explanation[direction];
          assert.deepEqual(part.decidedBy, decision[direction].decidedBy);
          assert.ok(part.nearest.every(({ mismatches }) => mismatches.length > 0));
          assert.notEqual(part.reason, "");
        }
      }),
      tries(500),
    );
  });

  it("goes through the tiers as the reference does", () => {
    fc.assert(
      fc.property(smallCluster, someOptions, anyConnection, (cluster, options, connection) => {
        for (const part of Object.values(explain(cluster, connection, options)).filter(isPart)) {
          const asked = part.selectedBy.filter((one) => one.asked);
          if (part.tier === "none") assert.deepEqual([asked, part.passed], [[], []]);
          // Who decided was asked last; nobody of a tier behind it was.
          else if (part.decidedBy !== null) assert.equal(asked.at(-1)?.policy, part.decidedBy.policy);
          const final = part.passed.at(-1)?.to;
          if (final !== undefined && part.tier !== "default") assert.ok(final === part.tier, `${final} ${part.tier}`);
          assert.equal(part.defaultFrom === null, part.tier !== "default");
        }
      }),
      tries(500),
    );
  });
});
