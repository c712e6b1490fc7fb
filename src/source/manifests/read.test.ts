import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { podYaml as pod, podsOf, readText } from "../../../test/read-text.ts";
import { readManifests } from "./read.ts";
import type { ManifestRead } from "./read.ts";

async function folderOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pct-read-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

function lines(read: ManifestRead): readonly string[] {
  return read.findings.map((one) => `${one.position?.line}:${one.position?.column} ${one.object}: ${one.message}`);
}

test("every error of every object, with its place; the others stand", async () => {
  const read = await readText(`${pod("a", "status: {podIP: 10.0.0.300}\n")}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
  namespace: shop
spec:
  podSelector:
    matchLabels: {app: web}
  ingress:
  - ports:
    - port: 70000
      protocol: ICMP
  - from: [{ipBlock: {cidr: 10.0.0.0/33}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: q, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: a, operator: Near}]}
---
not an object
---
kind: ConfigMap
apiVersion: v1
data: {a: 1, a: 2}
---
kind: Pod
metadata: {name: b}
---
apiVersion: networking.k8s.io/v1alpha9
kind: NetworkPolicy
metadata: {name: r, namespace: shop}
`);
  const found = lines(read);
  assert.equal(read.complete, true);
  assert.match(found[0] ?? "", /^4:17 Pod\/shop\/a: status.podIP: Invalid value: "10.0.0.300"/);
  assert.match(
    found[1] ?? "",
    /^16:13 NetworkPolicy\/shop\/p: spec.ingress\[0\].ports\[0\].port: Invalid value: 70000: must be between 1 and 65535, inclusive$/,
  );
  assert.match(found[2] ?? "", /^17:17 .*protocol: Unsupported value: "ICMP"/);
  assert.match(found[3] ?? "", /^18:29 .*cidr: Invalid value: "10.0.0.0\/33"/);
  assert.match(found[4] ?? "", /^24:55 NetworkPolicy\/shop\/q: .*operator/);
  assert.match(found[5] ?? "", /^26:1 : not a Kubernetes object/);
  assert.match(found[6] ?? "", /^32:1 Pod\/default\/b: apiVersion: Required value/);
  assert.match(
    found[7] ?? "",
    /^35:13 NetworkPolicy\/shop\/r: apiVersion: Unsupported value: "networking.k8s.io\/v1alpha9"/,
  );
  assert.equal(found.length, 8);
  assert.deepEqual([...podsOf(read).keys()], ["shop/a"]);
  assert.deepEqual(
    read.cluster.policies.map((one) => one.id),
    ["NetworkPolicy/shop/p"],
  );
});

test("a policy with a key given twice fails closed", async () => {
  const read = await readText(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec:
  podSelector: {}
  ingress: []
  ingress: [{}]
`);
  assert.deepEqual(lines(read), ['7:3 NetworkPolicy/shop/p: spec.ingress: Duplicate value: "ingress"']);
  const [policy] = read.cluster.policies;
  assert.deepEqual(
    policy?.ingress?.filter((clause) => clause.peers === null || clause.peers.length > 0),
    [],
  );
});

test("an unquoted word that YAML 1.1 takes for a boolean is explained", async () => {
  const read = await readText("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: y}\n");
  assert.match(lines(read)[0] ?? "", /^3:32 Pod\/\?\/a: metadata.namespace: .* "boolean" \(YAML reads .* quote it\)$/);
});

test("lists of all sorts are unpacked", async () => {
  const item = (name: string): unknown => ({ metadata: { name, namespace: "shop" } });
  const typed = { apiVersion: "v1", kind: "PodList", items: [item("a"), item("b"), null] };
  const read = await readText(
    JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [typed, { apiVersion: "v1", kind: "Pod", ...(item("c") as object) }],
    }),
  );
  assert.deepEqual([...podsOf(read).keys()], ["shop/a", "shop/b", "shop/c"]);
  assert.deepEqual(read.findings, []);
  const policies = await readText(
    '{"kind":"NetworkPolicyList","apiVersion":"networking.k8s.io/v1","items":[\n{"metadata":{"name":"p"},"spec":{"podSelector":{},"ingress":[\n{"ports":[{"port":0}]}]}}]}',
  );
  assert.match(lines(policies)[0] ?? "", /^3:19 NetworkPolicy\/default\/p: spec.ingress\[0\].ports\[0\].port: /);
});

test("files and folders: names, order, links, what is not read", async (t) => {
  const folder = await folderOf(t, {
    "b.yaml": pod("b"),
    "a.yml": pod("a"),
    "c.json": '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"c","namespace":"shop"}}',
    "d.txt": pod("wrong"),
    ".e.yaml": pod("wrong"),
    "f.yaml~": pod("wrong"),
    "sub/g.yaml": pod("g"),
    "sub/..data/h.yaml": pod("wrong"),
  });
  await symlink(folder, join(folder, "sub", "loop"));
  await symlink(join(folder, "nowhere"), join(folder, "z.yaml"));
  const flat = await readManifests([folder], { recursive: false });
  assert.deepEqual([...podsOf(flat).keys()], ["shop/a", "shop/b", "shop/c"]);
  assert.match(flat.unreadable[0]?.message ?? "", /ENOENT/);
  const deep = await readManifests([folder], { recursive: true });
  assert.deepEqual([...podsOf(deep).keys()], ["shop/a", "shop/b", "shop/c", "shop/g"]);
  const named = await readManifests([join(folder, "d.txt"), join(folder, "missing")], { recursive: false });
  assert.deepEqual([...podsOf(named).keys()], ["shop/wrong"]);
  assert.equal(named.complete, false);
  assert.match(named.findings[0]?.message ?? "", /no such file or directory \(ENOENT\)/);
  assert.notEqual(flat.digest, deep.digest);
  assert.equal(deep.digest, (await readManifests([folder], { recursive: true })).digest);
});

test("files that are no text, too large, or empty", async (t) => {
  const folder = await folderOf(t, {
    "large.yaml": "a".repeat(1000),
    "empty.yaml": "",
    "comment.yaml": "# x\n",
    "bom.yaml": `\ufeff${pod("a")}`,
  });
  await writeFile(join(folder, "utf16.yaml"), Buffer.from(pod("u"), "utf16le"));
  await writeFile(join(folder, "latin.yaml"), Buffer.from("a: \u00e9", "latin1"));
  const limits = { fileBytes: 500, files: 100, yamlTokens: 1000, yamlDepth: 100, yamlValues: 1000, findings: 10 };
  const read = await readManifests([folder], { recursive: false, limits });
  assert.deepEqual(
    read.unreadable.map((one) => [one.position?.file.slice(folder.length + 1), one.message]).slice(0, 2),
    [
      ["large.yaml", "is larger than 500 bytes"],
      ["latin.yaml", "is not UTF-8 text"],
    ],
  );
  assert.deepEqual([...podsOf(read).keys()], ["shop/a"]);
});

test("the same object twice: the last one that can be read, and a finding unless they are equal", async () => {
  const labelled = (value: string): string => pod("a").replace("shop}", `shop, labels: {v: ${value}}}`);
  const read = await readText([labelled("one"), labelled("two"), labelled('"no good"')].join("---\n"));
  assert.equal(podsOf(read).get("shop/a")?.labels.get("v"), "two");
  assert.equal(
    lines(read).filter((line) => line.includes("defined more than once: -:1:1 and -:5:1; -:5:1 counts")).length,
    1,
  );
  assert.deepEqual((await readText([pod("a"), pod("a")].join("---\n"))).findings, []);
});

test("namespaces that are only named exist", async () => {
  const read = await readText(
    `${pod("a")}---\nkind: Namespace\napiVersion: v1\nmetadata: {name: other, labels: {x: z}}\n`,
  );
  const namespaces = read.cluster.objects.filter((one) => one.kind === "Namespace");
  assert.deepEqual(
    namespaces.map((one) => [one.name, Object.fromEntries(one.labels)]),
    [
      ["shop", { "kubernetes.io/metadata.name": "shop" }],
      ["other", { "kubernetes.io/metadata.name": "other", x: "z" }],
    ],
  );
  const chosen = await readText("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", { namespace: "mine" });
  assert.deepEqual([...podsOf(chosen).keys()], ["mine/a"]);
});

test("YAML and JSON of the same objects are the same cluster", async () => {
  const objects = [
    { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "shop", labels: { on: "off", n: "1" } } },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "p" },
      spec: { podSelector: {}, egress: [{}] },
    },
  ];
  const json = await readText(objects.map((one) => JSON.stringify(one)).join("\n"));
  const yaml = await readText(objects.map((one) => `# yaml\n${JSON.stringify(one)}`).join("\n---\n"));
  assert.deepEqual(yaml.cluster, json.cluster);
  assert.deepEqual(yaml.findings, []);
});

test("findings of one file are bounded, and so is each of them", async () => {
  const errors = "    - port: 70000\n".repeat(3000);
  const read = await readText(
    `kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: "a${"x".repeat(100_000)}\\e[31m"}\nspec:\n  podSelector: {}\n  ingress:\n  - ports:\n${errors}`,
  );
  assert.ok(read.findings.length <= 1001);
  assert.ok(lines(read).some((line) => /\d+ more findings in this file/.test(line)));
  for (const { message, object } of read.findings) {
    assert.ok(message.length < 1000 && object.length < 600);
    // oxlint-disable-next-line no-control-regex -- exactly these must not be in a finding
    assert.doesNotMatch(object + message, /[\u0000-\u001f\u007f-\u009f]/);
  }
});

test("policies of an API that is not read are reported where they stand; other kinds are ignored", async () => {
  const of = (apiVersion: string, kind: string, metadata: string): string =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${metadata}\nspec: {priority: 70000}\n`;
  const read = await readText(
    [
      of("k8s.cni.cncf.io/v1beta1", "MultiNetworkPolicy", "{name: m, namespace: shop}"),
      of("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "{name: n}"),
      of("projectcalico.org/v3", "GlobalNetworkPolicy", "{name: g}"),
      of("example.com/v1", "AdminNetworkPolicy", "{name: e}"),
      of("policy.networking.k8s.io/v1beta9", "AdminNetworkPolicy", "{name: v}"),
    ].join("---\n"),
  );
  const noEffect = (kind: string): string => `${kind} is not supported by this version: it has no effect`;
  assert.deepEqual(lines(read), [
    `1:1 MultiNetworkPolicy/shop/m: ${noEffect("MultiNetworkPolicy")}`,
    `21:13 AdminNetworkPolicy/v: apiVersion: Unsupported value: "policy.networking.k8s.io/v1beta9": supported values: "policy.networking.k8s.io/v1alpha1"`,
  ]);
  assert.deepEqual([read.cluster.policies, read.unreadable], [[], []]);
});
