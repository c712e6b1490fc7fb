/** What the real API server sends as protobuf is read as what it sends as JSON is. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { clusterConfig } from "../../src/source/apiserver/connect/choose.ts";
import { openCluster } from "../../src/source/apiserver/connect/open.ts";
import type { ApiClient } from "../../src/source/apiserver/client.ts";
import type { Seen, WatchEvent } from "../../src/source/apiserver/seen.ts";
import type { Reader } from "../../src/source/apiserver/read/reader.ts";
import { jsonOf } from "../../src/source/apiserver/read/json.ts";
import { coreResources } from "../../src/source/apiserver/resources.ts";
import { runProgram } from "../../src/system/program.ts";
import { namespace } from "../ask.ts";
import type { NewObject } from "./api.ts";
import { whySkipped } from "./available.ts";
import { ControlPlane } from "./control-plane.ts";
import { idOf } from "./scene.ts";

const podCount = 30;

/** Pods with everything that is read of them, and much that is not. */
function podNumber(index: number): NewObject {
  const ports = [
    { name: "http", containerPort: 80 },
    { name: "dns", containerPort: 53, protocol: "UDP" },
    { containerPort: 3868, protocol: "SCTP" },
  ];
  const env = [{ name: "SECRET", valueFrom: { secretKeyRef: { name: "s", key: "k", optional: true } } }];
  const resources = { requests: { cpu: "100m", memory: "1Gi" } };
  const sidecar = {
    name: "sidecar",
    image: "sidecar",
    restartPolicy: "Always",
    ports: [{ name: "side", containerPort: 9 }],
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: "forms",
      name: `pod-${index}`,
      labels: { app: `app-${index % 3}`, "example.com/land": "x", empty: "" },
      annotations: { note: "ä€𝄞 ".repeat(index) },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: `u-${index}`, controller: index % 2 === 0 },
      ],
    },
    spec: {
      hostNetwork: index % 7 === 0,
      nodeName: index % 3 === 0 ? "" : `node-${index % 3}`,
      containers: [{ name: "main", image: "main", ports: index % 7 === 0 ? [] : ports, env, resources }],
      ...(index % 4 === 0 ? { initContainers: [{ name: "init", image: "i" }, sidecar] } : {}),
      volumes: [{ name: "v", emptyDir: { sizeLimit: "1Gi" } }],
      tolerations: [{ operator: "Exists", tolerationSeconds: 5, effect: "NoExecute" }],
    },
  };
}

const statusOf = (index: number): object => ({
  phase: ["Pending", "Running", "Succeeded", "Failed"][index % 4],
  podIPs: [{ ip: `10.0.0.${index}` }, { ip: `fd00::${index}` }],
  podIP: `10.0.0.${index}`,
  conditions: [
    { type: "Ready", status: index % 2 === 0 ? "True" : "False", lastTransitionTime: "2026-01-01T00:00:00Z" },
  ],
});

async function readList(client: ApiClient, reader: Reader, path: string) {
  const { signal } = new AbortController();
  const response = await client.request({ method: "GET", path, accept: reader.acceptList }, signal);
  const type = response.headers["content-type"] ?? "";
  const seen: Seen[] = [];
  const reading = reader.list(type, (one) => seen.push(one));
  for await (const chunk of response.body) reading.feed(chunk);
  return { type, seen, end: reading.end() };
}

async function readWatch(client: ApiClient, reader: Reader, path: string) {
  const { signal } = new AbortController();
  const query = "?watch=1&resourceVersion=0&timeoutSeconds=2";
  const response = await client.request({ method: "GET", path: `${path}${query}`, accept: reader.acceptWatch }, signal);
  const type = response.headers["content-type"] ?? "";
  const events: WatchEvent[] = [];
  const reading = reader.watch(type, (one) => events.push(one));
  for await (const chunk of response.body) reading.feed(chunk);
  return { type, events };
}

describe("Pods of a real API server", { skip: whySkipped() }, () => {
  let plane: ControlPlane;
  let client: ApiClient;
  const pods = coreResources(undefined, false).find(({ name }) => name === "pods");
  const reader = pods?.reader;
  before(async () => {
    plane = await ControlPlane.start();
    const read = clusterConfig({ kubeconfig: plane.kubeconfig("forms", {}), context: null, environment: {} });
    assert.ok(read.ok);
    client = openCluster(read.config, { run: runProgram, now: Date.now });
    await plane.api.create(namespace("forms") as NewObject);
    for (let index = 0; index < podCount; index++) {
      const id = idOf("Pod", `forms/pod-${index}`);
      await plane.api.create(podNumber(index));
      await plane.api.patch(id, { status: statusOf(index) }, "status");
      if (index % 5 === 0) await plane.api.send("DELETE", await plane.api.pathOf(id), undefined);
    }
  });
  after(async () => {
    client.close();
    await plane.stop();
  });

  it("are the same in both forms, in a list and on a watch", async () => {
    assert.ok(pods !== undefined && reader !== undefined);
    const wire = await readList(client, reader, pods.path);
    const json = await readList(client, jsonOf(reader), pods.path);
    assert.match(wire.type, /protobuf/);
    assert.match(json.type, /json/);
    assert.ok(wire.seen.length >= podCount - 6);
    assert.deepEqual(wire, { ...json, type: wire.type });
    const watches = [
      await readWatch(client, reader, pods.path),
      await readWatch(client, jsonOf(reader), pods.path),
    ] as const;
    assert.match(watches[0].type, /protobuf/);
    assert.ok(watches[0].events.length >= podCount - 6);
    const byName = (events: readonly WatchEvent[]) =>
      new Map(events.map((event) => [event.kind === "there" ? event.seen.name : event.kind, event]));
    assert.deepEqual(byName(watches[0].events), byName(watches[1].events));
  });
});
