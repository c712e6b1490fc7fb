import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Flow } from "../../observe/flow.ts";
import { createThinning } from "./thinning.ts";

const end = (address: string, port: number | null) => ({ address, namespace: null, pod: null, port });

const flow = (from: string, port = 80, clientPort = 1000): Flow => ({
  apiVersion: "portcullis.dev/v1",
  kind: "Flow",
  time: "1970-01-01T00:00:00.000Z",
  node: "n",
  verdict: "denied",
  direction: "ingress",
  reason: "isolated",
  protocol: "TCP",
  from: end(from, clientPort),
  to: end("10.0.0.9", port),
  policies: [],
  rule: null,
  suppressed: 0,
});

describe("thinning the log", () => {
  it("lets the first through, then one in a while with the number of those held back", () => {
    const { pass } = createThinning(10_000, 100);
    assert.equal(pass(flow("10.0.0.1"), 0), 0);
    for (let at = 1; at <= 50; at += 1) assert.equal(pass(flow("10.0.0.1", 80, 1000 + at), at), null);
    assert.equal(pass(flow("10.0.0.1"), 10_000), 50);
    assert.equal(pass(flow("10.0.0.1"), 10_001), null);
    assert.equal(pass(flow("10.0.0.1"), 25_000), 1);
  });

  it("holds nothing back for another pair, port, direction or verdict", () => {
    const { pass } = createThinning(10_000, 100);
    const first = flow("10.0.0.1");
    const others: readonly Flow[] = [
      flow("10.0.0.2"),
      flow("10.0.0.1", 81),
      { ...first, direction: "egress" },
      { ...first, verdict: "audit-allowed" },
      { ...first, protocol: "UDP" },
    ];
    for (const one of [first, ...others]) assert.equal(pass(one, 0), 0);
    for (const one of [first, ...others]) assert.equal(pass(one, 1), null);
  });

  it("remembers no more than it has room for in a flood, and still knows the latest", () => {
    const thinning = createThinning(10_000, 100);
    for (let index = 0; index < 10_000; index += 1) {
      assert.equal(thinning.pass(flow(`10.1.${index >> 8}.${index & 255}`), index / 100), 0);
      assert.ok(thinning.size <= 100);
    }
    assert.equal(thinning.pass(flow("10.1.39.15"), 100), null);
  });

  it("forgets what is long over, so that a quiet agent holds nothing", () => {
    const thinning = createThinning(10_000, 100);
    for (let index = 0; index < 50; index += 1) thinning.pass(flow(`10.0.1.${index}`), 0);
    thinning.pass(flow("10.0.0.1"), 60_000);
    assert.equal(thinning.size, 1);
  });

  it("a clock that is set back silences nothing", () => {
    const { pass } = createThinning(10_000, 100);
    pass(flow("10.0.0.1"), 1_000_000);
    assert.equal(pass(flow("10.0.0.1"), 5), 0);
  });
});
