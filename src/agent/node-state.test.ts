import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import * as fc from "fast-check";
import { collectedLog, emptyChange, recordingDataplane } from "../../test/agent/scripted.ts";
import { tries } from "../../test/property.ts";
import type { NodeRules } from "../ir/ruleset.ts";
import { parseAddress } from "../net/address.ts";
import { parseCidr } from "../net/cidr.ts";
import { runAtOnce } from "../system/program.ts";
import { createNodeMemory, readStateFile, rememberedLearned, rememberingDataplane } from "./node-memory.ts";
import { type NodeState, formatNodeState, readNodeState } from "./node-state.ts";

const present = <T>(items: readonly (T | null)[]): T[] => items.filter((item) => item !== null);
const ranges = present(["10.244.1.0/24", "10.9.0.0/30", "fd00:244:1::/64", "::/0"].map(parseCidr));
const gateways = present(["10.244.1.1", "fd00:244:1::1", "10.244.1.254"].map(parseAddress));

const states: fc.Arbitrary<NodeState> = fc.record({
  node: fc.record({
    name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/),
    ranges: fc.subarray(ranges),
    gateways: fc.subarray(gateways),
    unknownPods: fc.constantFrom("drop" as const, "accept" as const),
    established: fc.constantFrom("cut" as const, "keep" as const),
    logGroup: fc.option(fc.integer({ min: 1, max: 65_535 })),
    names: fc.constant(null),
  }),
  learned: fc
    .uniqueArray(
      fc.tuple(
        fc.constantFrom(...gateways),
        fc.option(fc.date({ min: new Date(0), noInvalidDate: true }).map((date) => date.getTime())),
      ),
      { selector: ([address]) => address },
    )
    .map((entries) => new Map(entries)),
  dataplane: fc.constant("nftables"),
  ctMarkMask: fc.constantFrom(0xffff0000, 0x0ff00000, 0xff),
});

describe("the state of a node", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(states, (state) => {
        // A record of fast-check has no prototype.
        const plain = { ...state, node: { ...state.node } };
        assert.deepEqual(readNodeState(formatNodeState(state)), { ok: true, state: plain });
      }),
      tries(200),
    );
  });

  it("is all there or refused with a reason, whatever became of the file", () => {
    fc.assert(
      fc.property(states, fc.nat(), fc.nat(), fc.string({ maxLength: 3 }), (state, from, length, instead) => {
        const text = formatNodeState(state);
        const start = from % text.length;
        const damaged = text.slice(0, start) + instead + text.slice(start + (length % 20));
        const read = readNodeState(damaged);
        if (!read.ok) assert.notEqual(read.reason, "");
        // What is taken is a whole state, which reads as itself.
        else assert.deepEqual(readNodeState(formatNodeState(read.state)), read);
      }),
      tries(500),
    );
    for (const text of ["", "null", "[]", "{}", '{"apiVersion":"portcullis.dev/v2","kind":"NodeState"}'])
      assert.equal(readNodeState(text).ok, false, text);
  });
});

const node: NodeRules = {
  name: "node-1",
  ranges: ranges.slice(0, 1),
  gateways: gateways.slice(0, 1),
  unknownPods: "drop",
  established: "cut",
  logGroup: null,
  names: null,
};
const empty = { endpoints: new Map(), chains: new Map(), groups: new Map(), pairSets: new Map() };
const ruleset = { node, ...empty, domainSets: new Map() };
const learned = new Map(gateways.map((address, index) => [address, index === 0 ? null : index * 1000]));
const rest = { dataplane: "nftables", ctMarkMask: 0xffff0000, learned: () => learned };
const written = { dataplane: "nftables", ctMarkMask: 0xffff0000, learned };

describe("the memory of a node", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pct-memory-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps what the kernel has taken, and nothing that it refused", async () => {
    const path = join(folder, "below", "node.json");
    const { log, lines } = collectedLog();
    const kernel = recordingDataplane();
    const dataplane = rememberingDataplane(kernel.dataplane, createNodeMemory(path, rest, log));
    kernel.refuse("sync", 1);
    await assert.rejects(dataplane.sync(ruleset));
    assert.equal(existsSync(path), false);
    await dataplane.sync(ruleset);
    assert.deepEqual(readNodeState(readFileSync(path, "utf8")), { ok: true, state: { ...written, node } });
    const other = { ...node, ranges };
    await dataplane.apply({ ...emptyChange, node: other });
    dataplane.close();
    assert.deepEqual(readNodeState(readFileSync(path, "utf8")), { ok: true, state: { ...written, node: other } });
    assert.deepEqual(rememberedLearned(path, "node-1"), learned);
    assert.deepEqual(rememberedLearned(path, "node-2"), new Map(), "of another node");
    assert.deepEqual(rememberedLearned(join(folder, "none"), "node-1"), new Map());
    assert.deepEqual(readdirSync(join(folder, "below")), ["node.json"]);
    assert.deepEqual(lines, []);
  });

  it("forgets, and keeps again", () => {
    const path = join(folder, "node.json");
    const memory = createNodeMemory(path, rest, collectedLog().log);
    memory.keep(node);
    memory.forget();
    assert.equal(existsSync(path), false);
    memory.forget();
    memory.keep(node);
    assert.equal(existsSync(path), true);
  });

  it("says once that it cannot, and goes on", () => {
    const { log, lines } = collectedLog();
    const memory = createNodeMemory("/proc/nowhere/node.json", rest, log);
    memory.keep(node);
    memory.keep({ ...node, ranges });
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /cannot be kept.*do="?make room at \/proc\/nowhere/);
  });

  it("is not read from what would keep a boot waiting: a device, a pipe, a file without end", () => {
    const pipe = join(folder, "pipe");
    assert.equal(runAtOnce("mkfifo", [pipe]).code, 0);
    const sparse = join(folder, "sparse");
    writeFileSync(sparse, "");
    truncateSync(sparse, 5 << 20);
    for (const path of [pipe, sparse, folder, "/dev/zero"])
      assert.throws(() => readStateFile(path), /is not a file|larger/, path);
    assert.throws(() => readStateFile(join(folder, "none")), { code: "ENOENT" });
  });
});
