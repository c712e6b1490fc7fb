import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { tries } from "../../../test/property.ts";
import type { Cluster } from "../../policy/cluster.ts";
import { contentHash } from "./digest.ts";
import { FolderScan } from "./folder-scan.ts";
import { FolderState } from "./folder-state.ts";
import { PendingFiles } from "./pending.ts";
import { readContent, readingRules } from "./read.ts";

/** What a file of the model holds: a label for each namespace object, or text that no parser takes. */
type ModelFile = Readonly<Record<string, string>> | "broken";

function textOf(file: ModelFile): string {
  if (file === "broken") return "{";
  const document = ([name, v]: [string, string]): string =>
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { v } } });
  return Object.entries(file).map(document).join("\n");
}

function flat(cluster: Cluster): Readonly<Record<string, string>> {
  return Object.fromEntries(
    cluster.objects.map((one) => [one.name, (one.kind === "Namespace" ? one.labels.get("v") : undefined) ?? ""]),
  );
}

const fileNames = ["a.json", "b.json", "c.json"];
/** `bad label` is not valid. */
const file = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(fc.constantFrom("x", "y", "z"), fc.constantFrom("1", "2", "bad label")) },
  { weight: 1, arbitrary: fc.constant("broken" as const) },
);
const step = fc.dictionary(fc.constantFrom(...fileNames), fc.option(file, { nil: null }), { minKeys: 1 });

/** The rules of the README, over whole folders. */
class Model {
  private readonly files = new Map<string, ReadonlyMap<string, string>>();
  private inForce: Readonly<Record<string, string>> = {};

  update(news: Readonly<Record<string, ModelFile | null>>): Readonly<Record<string, string>> {
    const next = Object.entries(news).map(([name, content]) => [name, this.claims(name, content)] as const);
    for (const [name, claims] of next) {
      if (claims === null) this.files.delete(name);
      else this.files.set(name, claims);
    }
    const all: Record<string, string> = {};
    for (const name of fileNames)
      for (const [key, value] of this.files.get(name) ?? []) if (value !== "") all[key] = value;
    this.inForce = all;
    return this.inForce;
  }

  private claims(name: string, content: ModelFile | null): ReadonlyMap<string, string> | null {
    const before = this.files.get(name) ?? new Map<string, string>();
    if (content === null) return null;
    if (content === "broken") return before;
    const last = (key: string): string => before.get(key) || (this.inForce[key] ?? "");
    return new Map(Object.entries(content).map(([key, value]) => [key, value === "bad label" ? last(key) : value]));
  }
}

test("any sequence of changes leaves in force what the rules say, and the changes add up to it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const state = new FolderState();
      const model = new Model();
      const consumer = new Map<string, string>();
      for (const news of steps) {
        const read = Object.entries(news).map(async ([name, content]) => {
          const bytes = Buffer.from(content === null ? "" : textOf(content));
          const known = content === null ? null : await readContent(bytes, name, readingRules({}));
          return { name, content: known, hash: contentHash(bytes) };
        });
        for (const change of state.update(await Promise.all(read))) {
          if (change.kind === "gone") assert.ok(consumer.delete(change.key), `${change.key} was not there`);
          else {
            assert.ok(change.kind === "object" && change.object.kind === "Namespace");
            const value = change.object.labels.get("v") ?? "";
            assert.notEqual(consumer.get(`Namespace/${change.object.name}`), value, "a change that changes nothing");
            consumer.set(`Namespace/${change.object.name}`, value);
          }
        }
        const expected = model.update(news);
        assert.deepEqual(flat(state.cluster()), expected);
        const added = [...consumer].map(([key, value]) => [key.slice("Namespace/".length), value]);
        assert.deepEqual(Object.fromEntries(added), expected);
      }
    }),
    tries(400),
  );
});

// Kernels from 6.13 give such changes different times; before, this fails if only times and sizes are compared.
test("a file that changes twice within a tick of the file system is read twice", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "pct-scan-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const scan = new FolderScan(folder, readingRules({}));
  const state = new FolderState();
  for (let round = 0; round < 60; round++) {
    const v = String(round % 10);
    writeFileSync(join(folder, "a.json"), textOf({ x: v }));
    state.update(await scan.all(new Set(), state));
    assert.deepEqual(flat(state.cluster()), { x: v });
  }
});

test("files are due when they rest, or have not rested for long", () => {
  const pending = new PendingFiles(20, 100);
  assert.equal(pending.dueIn(0), Infinity);
  pending.mark("a", 0);
  assert.equal(pending.dueIn(5), 15);
  assert.deepEqual([...pending.take(19)], []);
  // The other half of a rename comes along.
  pending.mark("b", 1);
  assert.deepEqual([...pending.take(20)], ["a", "b"]);
  assert.equal(pending.dueIn(20), Infinity);
  for (let now = 0; now <= 100; now += 10) {
    pending.mark("busy", now);
    assert.deepEqual([...pending.take(now)], now < 100 ? [] : ["busy"]);
  }
  // One that has just been touched does not come along.
  pending.mark("old", 0);
  pending.mark("new", 15);
  assert.deepEqual([...pending.take(20)], ["old"]);
  assert.deepEqual([...pending.take(35)], ["new"]);
});

test("a policy without a name goes with its text, also where another comes in its place", async () => {
  const state = new FolderState();
  const policy = (metadata: object, port: number): string =>
    JSON.stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata,
      spec: { ingress: [{ ports: [{ port }] }] },
    });
  const write = async (text: string): Promise<readonly string[]> => {
    const content = await readContent(Buffer.from(text), "a.json", readingRules({}));
    state.update([{ name: "a.json", content, hash: contentHash(text) }]);
    return state.cluster().policies.map(({ name, ingress }) => {
      const port = ingress?.[0]?.ports?.[0];
      return `${name.replace(/-.*/, "")} ${port?.kind === "range" ? port.from : ""}`;
    });
  };
  assert.deepEqual(await write(policy({}, 80)), ["unnamed 80"]);
  assert.deepEqual(await write(policy({ generateName: "p-" }, 81)), ["unnamed 81"]);
  assert.deepEqual((await write(policy({}, 80) + policy({}, 81))).toSorted(), ["unnamed 80", "unnamed 81"]);
  // What cannot be parsed may still hold it.
  assert.deepEqual((await write("{")).toSorted(), ["unnamed 80", "unnamed 81"]);
  assert.deepEqual(await write(policy({ name: "p" }, 80)), ["p 80"]);
  // It may be the named one that lost its name: that one's last valid version stays.
  assert.deepEqual((await write(policy({}, 82))).toSorted(), ["p 80", "unnamed 82"]);
  assert.deepEqual(await write(policy({ name: "p" }, 82)), ["p 82"]);
});
