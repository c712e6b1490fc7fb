import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { whatIsMissing } from "../../src/lab/contain.ts";
import { runProgram } from "../lab/run-lab.ts";

const longest = 15_000;

/** What the story must say, in this order. */
const story = [
  /^1\. .*everything is open/,
  /alpha\/access fetches .*"Hello from alpha\/nginx-1"/,
  /beta\/client fetches .*"Hello from alpha\/nginx-1"/,
  /^2\. alpha-deny/,
  /alpha\/access fetches .*timed out/,
  /What changed in the kernel of node-1/,
  /^ {7}- 10\.64\.1\.4 : goto stamp/,
  /^ {7}\+ 10\.64\.1\.4 : goto in-alpha\.alpha-deny/,
  /What changed in the kernel of node-2/,
  /The way to alpha\/nginx-1 \(10\.64\.1\.4\), rule by rule/,
  /node +node-1/,
  /interface +pcl[0-9a-f]{12}/,
  /chain +in-alpha\.alpha-deny/,
  /^3\. access-nginx/,
  /alpha\/access fetches .*"Hello from alpha\/nginx-1"/,
  /What changed in the kernel of node-1/,
  /chain +in-alpha\.access-nginx/,
  /The set .* on node-1/,
  /^ +10\.64\.2\.5 +alpha\/access$/,
  /^4\. .*beta is still denied/,
  /beta\/client fetches .*timed out/,
  /access-nginx rule 0 does not match: the pod is in namespace beta/,
  /^5\. .*removed/,
  /alpha\/access fetches .*"Hello from alpha\/nginx-1"/,
  /beta\/client fetches .*"Hello from alpha\/nginx-1"/,
  /^Every probe came out as told\.$/,
];

test("the demo tells its story, in plain text, in time, and keeps what it saw", async (context) => {
  const missing = whatIsMissing();
  if (missing !== null) return context.skip(missing);
  const folder = mkdtempSync(join(tmpdir(), "pct-demo-"));
  try {
    const started = performance.now();
    const { code, stdout, stderr } = await runProgram(["demo", "--keep", folder]);
    const took = performance.now() - started;
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, "");
    const lines = stdout.split("\n");
    let at = 0;
    for (const expected of story) {
      const found = lines.findIndex((line, index) => index >= at && expected.test(line));
      assert.ok(found >= 0, `${expected} is missing after line ${at} of\n${stdout}`);
      at = found + 1;
    }
    // oxlint-disable-next-line no-control-regex -- exactly these must not be in a pipe
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f]/);
    assert.ok(took < longest, `${took} ms`);
    const kept = readdirSync(folder).toSorted();
    assert.equal(kept.length, 8);
    for (const name of kept) {
      assert.match(name, /^node-[12]\.\d{10}$/);
      assert.match(readFileSync(join(folder, name), "utf8"), /^table inet portcullis \{/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return undefined;
});
