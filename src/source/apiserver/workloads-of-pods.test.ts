import assert from "node:assert/strict";
import { it } from "node:test";
import type { Pod } from "../../kube/objects.ts";
import { workloadsOfPods } from "./workloads-of-pods.ts";

const pod = (name: string, kind: string, owner: string, labels: Readonly<Record<string, string>> = {}): Pod => ({
  kind: "Pod",
  namespace: "shop",
  name,
  uid: "",
  created: 0,
  labels: new Map(Object.entries(labels)),
  nodeName: "",
  hostNetwork: false,
  finished: name.startsWith("done"),
  ready: true,
  addresses: [],
  ports: [],
  owner: kind === "" ? null : { kind, name: owner, uid: "" },
});

it("finds workloads by the pods that run, with those that own the owners", () => {
  const hash = { "pod-template-hash": "6d4cf" };
  const found = workloadsOfPods([
    pod("web-6d4cf-b", "ReplicaSet", "web-6d4cf", hash),
    pod("web-6d4cf-a", "ReplicaSet", "web-6d4cf", hash),
    pod("backup-2800-x", "Job", "backup-2800"),
    pod("done", "Job", "backup-2799"),
    // A ReplicaSet that somebody made by hand, whose name only looks like one of a Deployment.
    pod("own-6d4cf-a", "ReplicaSet", "own-6d4cf"),
    pod("kube-proxy-node", "Node", "node-1"),
    pod("alone", "", ""),
  ]);
  assert.deepEqual(
    found.map(({ kind, namespace, name, pods }) => `${kind}/${namespace}/${name}: ${pods.join(" ")}`),
    [
      "ReplicaSet/shop/web-6d4cf: shop/web-6d4cf-a shop/web-6d4cf-b",
      "Deployment/shop/web: shop/web-6d4cf-a shop/web-6d4cf-b",
      "Job/shop/backup-2800: shop/backup-2800-x",
      "CronJob/shop/backup: shop/backup-2800-x",
      "ReplicaSet/shop/own-6d4cf: shop/own-6d4cf-a",
    ],
  );
});
