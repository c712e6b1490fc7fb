import assert from "node:assert/strict";
import { test } from "node:test";
import { podYaml as pod, podsOf, readText } from "../../../test/read-text.ts";

test("pods without addresses get one of each family, always the same", async () => {
  const first = podsOf(await readText([pod("a"), pod("b"), pod("c", "status: {podIP: 10.9.9.9}\n")].join("---\n")));
  const second = podsOf(await readText([pod("x"), pod("b"), pod("a")].join("---\n")));
  const addresses = first.get("shop/a")?.addresses ?? [];
  assert.match(addresses[0] ?? "", /^10\.(128|129|130|131)\.\d+\.\d+$/);
  assert.match(addresses[1] ?? "", /^fd00:128::[0-9a-f:]+$/);
  assert.deepEqual(second.get("shop/a")?.addresses, addresses);
  assert.notDeepEqual(first.get("shop/b")?.addresses, addresses);
  assert.deepEqual(first.get("shop/c")?.addresses, ["10.9.9.9"]);
  // Somebody else has the address already.
  const taken = podsOf(await readText([pod("a"), pod("w", `status: {podIP: ${addresses[0]}}\n`)].join("---\n")));
  assert.notEqual(taken.get("shop/a")?.addresses[0], addresses[0]);
  assert.equal(taken.get("shop/a")?.addresses.length, 2);
});

test("a hostNetwork pod has its node's addresses", async () => {
  const node =
    "kind: Node\napiVersion: v1\nmetadata: {name: node-1}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: 203.0.113.1}]}\n";
  const read = await readText([pod("a", "spec: {hostNetwork: true, nodeName: node-1}\n"), node].join("---\n"));
  assert.deepEqual(podsOf(read).get("shop/a")?.addresses, ["192.0.2.1"]);
});

test("ten thousand pods without addresses all get their own", async () => {
  const items = Array.from({ length: 10_000 }, (_, n) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `p${n}` },
  }));
  const pods = [...podsOf(await readText(JSON.stringify({ apiVersion: "v1", kind: "List", items }))).values()];
  assert.equal(new Set(pods.flatMap((one) => one.addresses)).size, 20_000);
});

const workload = (kind: string, name: string, spec: string, metadata = ""): string =>
  `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop${metadata}}\nspec: {${spec}template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}\n`;
const owned = (kind: string, name: string): string =>
  `, ownerReferences: [{kind: ${kind}, name: ${name}, uid: "", controller: true}]`;

test("workloads without pods in the input make their own, at most two", async () => {
  const read = await readText(
    [
      workload("Deployment", "one", "replicas: 1, "),
      workload("StatefulSet", "five", "replicas: 5, "),
      workload("DaemonSet", "each", ""),
      workload("ReplicaSet", "none", "replicas: 0, "),
      workload("ReplicaSet", "owned", "replicas: 2, ", owned("Deployment", "one")),
      workload("ReplicaSet", "orphan", "replicas: 2, ", owned("Rollout", "gone")),
      pod("five-0"),
    ].join("---\n"),
  );
  assert.deepEqual(
    read.workloads.map((one) => [`${one.kind}/${one.name}`, one.pods]),
    [
      ["Deployment/one", ["shop/one-0"]],
      ["StatefulSet/five", ["shop/five-1", "shop/five-2"]],
      ["DaemonSet/each", ["shop/each-0"]],
      ["ReplicaSet/none", []],
      ["ReplicaSet/owned", ["shop/one-0"]],
      ["ReplicaSet/orphan", []],
    ],
  );
  const made = podsOf(read).get("shop/five-1");
  assert.equal(made?.labels.get("app"), "five");
  assert.equal(made?.addresses.length, 2);
  assert.equal(made?.ready, true);
});

test("workloads whose pods are in the input make none, however the pods are owned", async () => {
  const ownedPod = (name: string, kind: string, owner: string, labels = ""): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop${labels}${owned(kind, owner)}}\n`;
  const read = await readText(
    [
      workload("Deployment", "a", "replicas: 2, "),
      workload("ReplicaSet", "a-5d4", "replicas: 2, ", owned("Deployment", "a")),
      ownedPod("a-5d4-y", "ReplicaSet", "a-5d4"),
      ownedPod("a-5d4-x", "ReplicaSet", "a-5d4"),
      workload("Deployment", "b", "replicas: 2, "),
      ownedPod("b-77-x", "ReplicaSet", "b-77", ", labels: {pod-template-hash: '77'}"),
      workload("StatefulSet", "c", "replicas: 2, "),
      ownedPod("c-0", "StatefulSet", "c"),
    ].join("---\n"),
  );
  assert.deepEqual(
    read.workloads.map((one) => [one.name, one.pods]),
    [
      ["a", ["shop/a-5d4-x", "shop/a-5d4-y"]],
      ["a-5d4", ["shop/a-5d4-x", "shop/a-5d4-y"]],
      ["b", ["shop/b-77-x"]],
      ["c", ["shop/c-0"]],
    ],
  );
  assert.equal(podsOf(read).size, 4);
});
