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
import { casesOf, queryLines, withManifest, wrongAnswers, wrongReports } from "./cases.ts";

interface Suite {
  readonly file: string;
  readonly cases: number;
  readonly verdicts: number;
  /** Each how many'th case goes through the binary. */
  readonly step: number;
}

const suites: readonly Suite[] = [
  { file: "k8s_e2e.jsonl", cases: 130, verdicts: 5186, step: 26 },
  { file: "npa_cnp.jsonl", cases: 48, verdicts: 158, step: 12 },
  { file: "npa_v1alpha1.jsonl", cases: 77, verdicts: 308, step: 15 },
];

async function all(file: string): Promise<AcceptanceCase[]> {
  const cases: AcceptanceCase[] = [];
  for await (const one of casesOf(file)) cases.push(one);
  return cases;
}

/** Answers a case both ways; how many verdicts the source has for it. */
async function answer(one: AcceptanceCase): Promise<number> {
  const read = await withManifest(one.objects, (path) => readManifests([path], { recursive: false }));
  const messages = read.findings.map(({ message }) => message);
  assert.deepEqual(wrongReports(one, messages), []);
  const resolver = createResolver(read.cluster, read.workloads);
  const evaluator = createEvaluator(read.cluster);
  const lines = queryLines(one).map((line) => answerLine(line, resolver, evaluator).line);
  assert.deepEqual(wrongAnswers(one, lines), []);
  let verdicts = 0;
  one.queries.forEach((asked, index) => {
    const query = readQuery(asked);
    const connection = "error" in query ? query : resolver.resolve(query);
    if ("error" in connection) throw new Error(connection.error);
    const expected = one.expect[index];
    if (expected === null) return;
    assert.equal(evaluate(read.cluster, connection).verdict, expected, `${one.id}: ${JSON.stringify(asked)}`);
    verdicts += 1;
  });
  return verdicts;
}

for (const { file, cases, verdicts, step } of suites) {
  describe(`acceptance: ${file}`, () => {
    it("every verdict, as the reference evaluator and the one that serves queries give it", async () => {
      let answered = 0;
      for (const one of await all(file)) answered += await answer(one);
      assert.equal(answered, verdicts);
    });

    it("some of them through the binary", async () => {
      const every = await all(file);
      assert.equal(every.length, cases);
      for (const one of every.filter((_, index) => index % step === 0)) {
        const queries = `${queryLines(one).join("\n")}\n`;
        const { code, stdout } = await withManifest(one.objects, (path) => runBinary(["eval", "-f", path], queries));
        assert.equal(code, one.reports === undefined ? 0 : 3);
        assert.deepEqual(wrongAnswers(one, stdout.split("\n")), []);
      }
    });
  });
}
