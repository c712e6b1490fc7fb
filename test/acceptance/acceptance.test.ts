import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerLine } from "../../src/evaluate/answer.ts";
import { createEvaluator } from "../../src/evaluate/indexed.ts";
import { readQuery } from "../../src/evaluate/query.ts";
import { evaluate } from "../../src/evaluate/reference.ts";
import { createResolver } from "../../src/evaluate/resolve.ts";
import { readManifests } from "../../src/source/manifests/read.ts";
import { runBinary } from "../run-binary.ts";
import type { AcceptanceCase } from "./cases.ts";
import { casesOf, queryLines, withManifest, wrongAnswers } from "./cases.ts";

const file = "k8s_e2e.jsonl";

async function all(): Promise<AcceptanceCase[]> {
  const cases: AcceptanceCase[] = [];
  for await (const one of casesOf(file)) cases.push(one);
  return cases;
}

describe("acceptance: Kubernetes' own end-to-end tests of NetworkPolicy", () => {
  it("every verdict, as the reference evaluator and the one that serves queries give it", async () => {
    let verdicts = 0;
    for (const one of await all()) {
      const read = await withManifest(one.objects, (path) => readManifests([path], { recursive: false }));
      assert.deepEqual(read.findings, [], one.id);
      const resolver = createResolver(read.cluster, read.workloads);
      const evaluator = createEvaluator(read.cluster);
      const lines = queryLines(one).map((line) => answerLine(line, resolver, evaluator).line);
      assert.deepEqual(wrongAnswers(one, lines), []);
      one.queries.forEach((asked, index) => {
        const query = readQuery(asked);
        const connection = "error" in query ? query : resolver.resolve(query);
        if ("error" in connection) throw new Error(connection.error);
        const expected = one.expect[index];
        if (expected === null) return;
        assert.equal(evaluate(read.cluster, connection).verdict, expected);
        verdicts += 1;
      });
    }
    assert.equal(verdicts, 5186);
  });

  it("some of them through the binary", async () => {
    const cases = (await all()).filter((_, index) => index % 26 === 0);
    assert.equal(cases.length, 5);
    for (const one of cases) {
      const queries = `${queryLines(one).join("\n")}\n`;
      const { code, stdout } = await withManifest(one.objects, (path) => runBinary(["eval", "-f", path], queries));
      assert.equal(code, 0);
      assert.deepEqual(wrongAnswers(one, stdout.split("\n")), []);
    }
  });
});
