import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { networkPolicy, pod } from "../../test/ask.ts";
import { clusterOf } from "../../test/cluster-of.ts";
import { clusterNetworkPolicy } from "../../test/tier-policy.ts";
import { answerLine } from "./answer.ts";
import { createEvaluator } from "./indexed.ts";
import { createResolver } from "./resolve.ts";

const policies = ["z", "b"].map((name) =>
  networkPolicy(`x/${name}`, { podSelector: {}, ingress: [{ ports: [{ port: 1 }] }, {}] }),
);
const cluster = clusterOf([pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2"), ...policies]);
const resolver = createResolver(cluster, []);
const evaluator = createEvaluator(cluster);
const answer = (line: string) => answerLine(line, resolver, evaluator);
const query = (id: string) => `{"id":${id},"from":"y/b","to":"x/a","protocol":"TCP","port":80}`;

describe("an answer", () => {
  it("has exactly the contract's fields, in its order", () => {
    const open = '{"verdict":"allow","tier":"default","isolatedBy":[],"decidedBy":null}';
    const isolated = '["NetworkPolicy/x/b","NetworkPolicy/x/z"]';
    const decidedBy = '{"policy":"NetworkPolicy/x/b","rule":1}';
    const ingress = `{"verdict":"allow","tier":"networkpolicy","isolatedBy":${isolated},"decidedBy":${decidedBy}}`;
    assert.deepEqual(answer(query("7")), {
      line: `{"id":7,"verdict":"allow","egress":${open},"ingress":${ingress}}`,
      answered: true,
    });
  });

  it("of several rules that allow names the first by policy name, then index", () => {
    const decided = (port: number) =>
      (JSON.parse(answer(query("1").replace("80", String(port))).line) as { ingress: { decidedBy: unknown } }).ingress
        .decidedBy;
    assert.deepEqual(decided(1), { policy: "NetworkPolicy/x/b", rule: 0 });
    assert.deepEqual(decided(2), { policy: "NetworkPolicy/x/b", rule: 1 });
  });

  it("gives the id back as it came, whatever it is", () => {
    for (const id of [
      "1",
      '"a\\u0000\\n"',
      "null",
      "true",
      '{"a":[1,"x"]}',
      "12345678901234567890123",
      "1.50",
      "-0",
      "1e400",
      "[]",
    ]) {
      assert.ok(answer(query(id)).line.startsWith(`{"id":${id},"verdict"`), `${id}: ${answer(query(id)).line}`);
    }
    assert.ok(answer(query("1").replace('"id":1,', "")).line.startsWith('{"id":null,"verdict"'));
  });

  it("is all in ASCII, since names of rules are any text", () => {
    const name = "\u009b31m\u202ea\u2028\u{1f9f1}\ud800\u001b";
    const subject = { namespaces: {} };
    const ingress = [{ name, action: "Deny", from: [subject] }];
    const policy = clusterNetworkPolicy("p", { tier: "Admin", priority: 1, subject, ingress });
    const named = clusterOf([pod("x/a", "10.0.0.1"), pod("y/b", "10.0.0.2"), policy]);
    const { line } = answerLine(query("1"), createResolver(named, []), createEvaluator(named));
    assert.match(line, /^[ -~]+$/);
    const { ingress: part } = JSON.parse(line) as { ingress: { decidedBy: { ruleName: string } } };
    assert.equal(part.decidedBy.ruleName, name);
    assert.match(answer(query("1").replace("x/a", "\u202e")).line, /^[ -~]+$/);
  });

  it("to what cannot be answered has the id and says why", () => {
    const failed = answer('{"id":"q","from":"x/none","to":"x/a","protocol":"TCP","port":1}');
    assert.deepEqual(failed, {
      line: String.raw`{"id":"q","error":"from: \"x/none\": there is no such Pod"}`,
      answered: false,
    });
  });

  it("to a line that is no JSON object has the id null", () => {
    for (const line of ["{", "nonsense", "5", "null", "[]", '"x"', '{"id":1}x']) {
      const { line: text, answered } = answer(line);
      const { id, error } = JSON.parse(text) as { id: unknown; error: unknown };
      assert.deepEqual([id, typeof error, answered], [null, "string", false]);
    }
  });

  it("is not misled by an object that has a field called error", () => {
    assert.match(answer('{"error":"x"}').line, /^\{"id":null,"error":"from: /);
  });
});
