import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCompiler } from "../compile/incremental.ts";
import { createDesired } from "./desired.ts";

describe("what should be in the kernel", () => {
  it("is said not to be enforced once, however often the cluster changes meanwhile", () => {
    const lines: string[] = [];
    const silent = () => {};
    const log = { error: (text: string) => lines.push(text), warn: silent, info: silent, debug: silent };
    const compiler = () =>
      createCompiler({
        nodeName: "n",
        podCidrs: [],
        unknownPods: "drop",
        established: "cut",
        defaultVerdict: "accept",
        logGroup: null,
      });
    const desired = createDesired({ createCompiler: compiler, audit: false, log, countFindings: silent });
    const arrival = { at: 0, age: null };
    const say = (complete: boolean) => {
      desired.update({ changes: [], findings: [], complete, digest: "d" }, arrival);
      desired.compile();
    };
    desired.load({ cluster: { objects: [], policies: [] }, findings: [], complete: false, digest: "d" }, arrival);
    desired.compile();
    for (let change = 0; change < 20; change++) say(false);
    assert.equal(lines.length, 1);
    say(true);
    assert.notEqual(desired.enforceable(), null);
    desired.load({ cluster: { objects: [], policies: [] }, findings: [], complete: false, digest: "d" }, arrival);
    desired.compile();
    assert.equal(lines.length, 2);
    assert.equal(desired.enforceable(), null);
  });
});
