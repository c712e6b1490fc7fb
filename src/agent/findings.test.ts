import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLog } from "../observe/log.ts";
import type { Finding } from "../source/source.ts";
import { createFindingsReport } from "./findings.ts";

function reporting() {
  const lines: string[] = [];
  const log = createLog({ format: "text", level: "info", now: () => 0, write: (line) => void lines.push(line) });
  const findings = createFindingsReport(log);
  return { lines, report: (list: readonly Finding[]) => findings.report(list) };
}

const finding = (message: string) => ({ position: null, object: "NetworkPolicy/a/p", message });

describe("what is told of findings", () => {
  it("is told once, and again when it is gone", () => {
    const { lines, report } = reporting();
    assert.equal(report([finding("wrong"), finding("wrong")]), 1);
    assert.equal(report([finding("wrong")]), 1);
    assert.equal(lines.length, 1);
    assert.equal(report([]), 0);
    assert.match(lines[1] ?? "", /corrected or gone/);
  });

  it("costs nothing while the source hands over the same list", () => {
    const { report } = reporting();
    let reads = 0;
    const watched = {
      position: null,
      object: "NetworkPolicy/a/p",
      get message() {
        reads += 1;
        return "wrong";
      },
    };
    const list = [watched];
    report(list);
    const before = reads;
    for (let update = 0; update < 100; update += 1) assert.equal(report(list), 1);
    assert.equal(reads, before);
  });
});
