import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { watched } from "../../../test/watched-folder.ts";
import type { Change } from "../../policy/cluster.ts";
import type { Snapshot, Update } from "../source.ts";
import { digestOf } from "./digest.ts";
import { manifestFolder } from "./watch.ts";

function namespace(name: string, labels: Readonly<Record<string, string>> = {}): string {
  return `${JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } })}\n`;
}

function policy(name: string, port: number | string): string {
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  podSelector: {}
  ingress: [{ports: [{port: ${port}}]}]
`;
}

/** `+Kind/name` or `-key` for each change, sorted. */
function summary(changes: readonly Change[]): readonly string[] {
  return changes
    .map((change) => {
      if (change.kind === "gone") return `-${change.key}`;
      const object = change.kind === "object" ? change.object : change.policy;
      return `+${object.kind}/${object.name}`;
    })
    .sort();
}

test("a file that comes, changes and goes is exactly the change of its objects", async (t) => {
  const folder = await watched(t, { "a.json": namespace("one") });
  assert.equal(folder.first.complete, true);
  assert.deepEqual(
    folder.first.cluster.objects.map((one) => one.name),
    ["one"],
  );
  assert.equal(folder.first.digest, digestOf([{ path: "a.json", content: namespace("one") }]));

  await folder.write("b.yaml", policy("p", 80));
  const added = await folder.next();
  assert.deepEqual(summary(added.changes), ["+NetworkPolicy/p"]);
  assert.equal(
    added.digest,
    digestOf([
      { path: "b.yaml", content: policy("p", 80) },
      { path: "a.json", content: namespace("one") },
    ]),
  );

  await folder.write("a.json", namespace("one") + namespace("two"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/two"]);
  await folder.write("a.json", namespace("two", { team: "x" }));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/two", "-Namespace/one"]);
  await unlink(join(folder.folder, "b.yaml"));
  assert.deepEqual(summary((await folder.next()).changes), ["-NetworkPolicy/shop/p"]);
});

test("a change of the text that changes no object is an update without changes", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80) });
  await folder.write("a.yaml", `# a comment\n${policy("p", 80)}`);
  const update = await folder.next();
  assert.deepEqual(update.changes, []);
  assert.notEqual(update.digest, folder.first.digest);
});

test("a file that breaks keeps its objects, says where, and the others work on", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80), "b.json": namespace("one") });
  await folder.write("a.yaml", 'kind: "NetworkPolicy\n');
  const broken = await folder.next();
  assert.deepEqual(broken.changes, []);
  assert.equal(broken.complete, true);
  assert.deepEqual(broken.findings[0]?.position, { file: join(folder.folder, "a.yaml"), line: 1, column: 20 });
  assert.match(broken.findings[0]?.message ?? "", /^Missing closing "quote; 1 objects of the file stay in force$/);

  await folder.write("b.json", namespace("two"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/two", "-Namespace/one"]);

  await folder.write("a.yaml", policy("q", 80));
  const mended = await folder.next();
  assert.deepEqual(summary(mended.changes), ["+NetworkPolicy/q", "-NetworkPolicy/shop/p"]);
  assert.deepEqual(mended.findings, []);
});

test("of a file with one broken document the others are read, and what is missing stays", async (t) => {
  const folder = await watched(t, { "a.yaml": [policy("p", 80), policy("q", 80)].join("---\n") });
  await folder.write("a.yaml", [policy("p", 81), "{", policy("r", 80)].join("\n---\n"));
  const update = await folder.next();
  assert.deepEqual(summary(update.changes), ["+NetworkPolicy/p", "+NetworkPolicy/r"]);
  assert.equal(update.findings.length, 1);
});

test("an object that is no longer valid keeps its last valid version", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80) });
  await folder.write("a.yaml", policy("p", 70000));
  const update = await folder.next();
  assert.deepEqual(update.changes, []);
  assert.match(
    update.findings[0]?.message ?? "",
    /^spec.ingress\[0\].ports\[0\].port: Invalid value: 70000: .*; the last valid version stays in force$/,
  );
  await folder.write("a.yaml", policy("p", 70001));
  assert.deepEqual((await folder.next()).changes, []);
  // Renamed while it is not valid: still the same object.
  await rename(join(folder.folder, "a.yaml"), join(folder.folder, "b.yaml"));
  const renamed = await folder.next();
  assert.deepEqual(renamed.changes, []);
  assert.match(renamed.findings[0]?.message ?? "", /the last valid version stays in force$/);
});

test("an object that can no longer be told what it is keeps its last version, too", async (t) => {
  const valid = policy("p", 80);
  const folder = await watched(t, { "a.yaml": valid });
  const spoilt: readonly (readonly [string, RegExp])[] = [
    [valid.replace("kind: NetworkPolicy\n", ""), /^kind: Required value.*; 1 objects of the file stay in force$/],
    [valid.replace("v1", "v1beta7"), /^apiVersion: Unsupported value.*; the last valid version stays in force$/],
    [
      valid.replace("namespace: shop", "namespace: y"),
      /^metadata.namespace: Invalid.*; 1 objects of the file stay in force$/,
    ],
    ["kind: List\napiVersion: v1\nitems: none\n", /^items: must be a list; 1 objects of the file stay in force$/],
    ["[]\n", /^not a Kubernetes object.*; 1 objects of the file stay in force$/],
  ];
  for (const [text, message] of spoilt) {
    await folder.write("a.yaml", text);
    const update = await folder.next();
    assert.deepEqual(update.changes, [], text);
    assert.match(update.findings[0]?.message ?? "", message);
  }
});

test("a policy that is not valid at first sight fails closed", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 70000) });
  assert.equal(folder.first.complete, true);
  const [first] = folder.first.cluster.policies;
  assert.deepEqual(
    first?.ingress?.map((clause) => clause.peers?.length === 0 || clause.ports?.length === 0),
    [true],
  );
  assert.equal(folder.first.findings.length, 1);
  await folder.write("a.yaml", policy("p", 70001));
  assert.doesNotMatch((await folder.next()).findings[0]?.message ?? "", /stays in force/);
});

test("a start with a file that cannot be parsed is incomplete until it can, or is gone", async (t) => {
  const folder = await watched(t, { "a.yaml": "{", "b.json": namespace("one") });
  assert.equal(folder.first.complete, false);
  assert.equal(folder.first.cluster.objects.length, 1);
  await folder.write("b.json", namespace("two"));
  assert.equal((await folder.next()).complete, false);
  await folder.write("a.yaml", policy("p", 80));
  assert.equal((await folder.next()).complete, true);
  await folder.write("c.yaml", "{");
  assert.equal((await folder.next()).complete, true);
});

test("an emptied file keeps its objects, a removed one does not", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80) });
  await folder.write("a.yaml", "");
  const emptied = await folder.next();
  assert.deepEqual(emptied.changes, []);
  assert.match(emptied.findings[0]?.message ?? "", /become empty; 1 objects of the file stay in force/);
  await unlink(join(folder.folder, "a.yaml"));
  assert.deepEqual(summary((await folder.next()).changes), ["-NetworkPolicy/shop/p"]);
});

test("a rename over the file, and a file renamed, are never seen half", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80) });
  for (let round = 0; round < 20; round++) {
    await folder.write(".a.yaml.new", policy("p", 81 + round));
    await rename(join(folder.folder, ".a.yaml.new"), join(folder.folder, round % 2 === 0 ? "b.yaml" : "a.yaml"));
    await unlink(join(folder.folder, round % 2 === 0 ? "a.yaml" : "b.yaml"));
    assert.deepEqual(summary((await folder.next()).changes), ["+NetworkPolicy/p"]);
  }
});

test("what editors leave beside files is not read", async (t) => {
  const folder = await watched(t, { "a.json": namespace("one") });
  for (const name of [".a.json.swp", "a.json~", ".#a.json", "#a.json#", "4913", "a.json.tmp", "notes.txt", ".x.json"]) {
    await folder.write(name, namespace("no"));
  }
  await folder.silence(150);
});

test("a ConfigMap's folder is swapped as one", async (t) => {
  const folder = await watched(t, {});
  const version = async (name: string, content: string): Promise<void> => {
    await mkdir(join(folder.folder, name));
    await writeFile(join(folder.folder, name, "a.json"), content);
    await writeFile(join(folder.folder, name, "b.json"), content.replaceAll("one", "two"));
    await symlink(name, join(folder.folder, "..data_tmp"));
    await rename(join(folder.folder, "..data_tmp"), join(folder.folder, "..data"));
  };
  await version("..1", namespace("one"));
  await symlink("..data/a.json", join(folder.folder, "a.json"));
  await symlink("..data/b.json", join(folder.folder, "b.json"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/one", "+Namespace/two"]);
  await version("..2", namespace("one", { version: "2" }));
  await rm(join(folder.folder, "..1"), { recursive: true });
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/one", "+Namespace/two"]);
});

test("the same object in two files: the later name counts, with a finding, and the other steps in", async (t) => {
  const folder = await watched(t, { "a.yaml": policy("p", 80), "b.yaml": policy("p", 81) });
  assert.match(
    folder.first.findings[0]?.message ?? "",
    /defined more than once: .*a.yaml:1:1 and .*b.yaml:1:1; .*b.yaml/,
  );
  const port = (update: Update | Snapshot): unknown => {
    const found =
      "cluster" in update
        ? update.cluster.policies[0]
        : update.changes.flatMap((one) => ("policy" in one ? one.policy : []))[0];
    return found?.ingress?.[0]?.ports?.[0];
  };
  assert.deepEqual(port(folder.first), { kind: "range", protocol: "TCP", from: 81, to: 81 });
  await unlink(join(folder.folder, "b.yaml"));
  const update = await folder.next();
  assert.deepEqual(port(update), { kind: "range", protocol: "TCP", from: 80, to: 80 });
  assert.deepEqual(update.findings, []);
});

test("a file that never rests still gets through", async (t) => {
  const folder = await watched(t, { "a.json": namespace("n0") }, { quietMs: 50, longestMs: 150 });
  const enough = new AbortController();
  const writer = (async () => {
    for (let round = 1; !enough.signal.aborted; round++) {
      await folder.write(".next", namespace(`n${round}`));
      await rename(join(folder.folder, ".next"), join(folder.folder, "a.json"));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  try {
    for (let seen = 0; seen < 3; seen++) assert.equal((await folder.next()).changes.length, 2);
  } finally {
    enough.abort();
    await writer;
  }
});

test("without events from the kernel the rescan finds the change", async (t) => {
  const outside = await mkdtemp(join(tmpdir(), "pct-watch-"));
  t.after(() => rm(outside, { recursive: true, force: true }));
  await writeFile(join(outside, "real.json"), namespace("one"));
  const folder = await watched(t, {}, { rescanMs: 50 });
  await symlink(join(outside, "real.json"), join(folder.folder, "a.json"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/one"]);
  // Same size and, as far as that is possible, same time: only young files are read again for that.
  await writeFile(join(outside, "real.json"), namespace("two"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/two", "-Namespace/one"]);
  await utimes(join(outside, "real.json"), 1, 1);
  await unlink(join(outside, "real.json"));
  const dangling = await folder.next();
  assert.deepEqual(dangling.changes, []);
  assert.match(dangling.findings[0]?.message ?? "", /ENOENT.*1 objects of the file stay in force/);
});

test("a folder that goes away keeps everything in force, and is found again", async (t) => {
  const folder = await watched(t, { "a.json": namespace("one") }, { rescanMs: 50 });
  await rename(folder.folder, `${folder.folder}.away`);
  const away = await folder.next();
  assert.deepEqual(away.changes, []);
  assert.match(away.findings[0]?.message ?? "", /ENOENT.*all that was read from it stays in force/);
  await mkdir(folder.folder);
  await folder.write("a.json", namespace("two"));
  const updates = await folder.until({ "a.json": namespace("two") });
  assert.deepEqual(updates.flatMap((one) => summary(one.changes)).includes("+Namespace/two"), true);
  assert.deepEqual(updates.at(-1)?.findings, []);
  // The new folder is watched, too.
  await folder.write("b.json", namespace("three"));
  assert.deepEqual(summary((await folder.next()).changes), ["+Namespace/three"]);
});

test("a snapshot of a folder that cannot be read rejects", async () => {
  await assert.rejects(manifestFolder("/nonexistent/pct").snapshot(new AbortController().signal), /ENOENT/);
});
