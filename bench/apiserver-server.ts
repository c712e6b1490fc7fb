/**
 * The API server of `apiserver-scale.ts`, a process of its own: a scripted server with a whole cluster, in which pods
 * come and go as fast as it is told. Told so, and tells, by messages.
 */
import { ScriptedApi } from "../test/scripted-apiserver/api.ts";
import { podEvent } from "../test/scripted-apiserver/form.ts";
import type { Held } from "../test/scripted-apiserver/held.ts";
import { hold } from "../test/scripted-apiserver/held.ts";
import type { ServedApi } from "../test/scripted-apiserver/serve.ts";
import { serve } from "../test/scripted-apiserver/serve.ts";
import type { Pod } from "../src/kube/objects.ts";
import { formatCidr } from "../src/net/cidr.ts";
import type { Phase } from "./apiserver-pods.ts";
import { podObject } from "./apiserver-pods.ts";
import { clusterOfSize, policyObject } from "./cluster.ts";
import type { ClusterSize } from "./cluster.ts";

export interface ServerOrder {
  readonly size: ClusterSize;
  readonly key: string;
  readonly certificate: string;
}

export type ToServer =
  | { readonly kind: "begin"; readonly order: ServerOrder }
  /** From now on, so many changes of pods a second. */
  | { readonly kind: "rate"; readonly changes: number }
  | { readonly kind: "ask" };

export type FromServer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "counts"; readonly changes: number; readonly bytes: Readonly<Record<string, number>> };

const paths = {
  pods: "/api/v1/pods",
  namespaces: "/api/v1/namespaces",
  nodes: "/api/v1/nodes",
  policies: "/apis/networking.k8s.io/v1/networkpolicies",
  definitions: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
};

const api = new ScriptedApi();
let changes = 0;

/** A pod as bytes: to make them anew for each reader would make the bench a bench of its server. */
function holdPod(pod: Pod, phase: Phase, at: number, version: number): Held {
  const made = hold(podObject(pod, phase, at), version);
  const { namespace, name, uid } = made;
  const added = podEvent("ADDED", made.protobuf() ?? Buffer.alloc(0));
  return {
    namespace,
    name,
    uid,
    version,
    added,
    protobuf: () => hold(podObject(pod, phase, at), version).protobuf(),
    json: () => JSON.stringify(podObject(pod, phase, at)),
  };
}

function fill(size: ClusterSize): readonly Pod[] {
  api.add({ path: paths.pods, apiVersion: "v1", kind: "Pod" });
  api.add({ path: paths.namespaces, apiVersion: "v1", kind: "Namespace" });
  api.add({ path: paths.nodes, apiVersion: "v1", kind: "Node" });
  api.add({ path: paths.policies, apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" });
  api.add({ path: paths.definitions, apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" });
  const pods: Pod[] = [];
  for (const object of clusterOfSize({ ...size, policies: 0 }).objects) {
    if (object.kind === "Pod") {
      pods.push(object);
      api.putHeld(paths.pods, (version) => holdPod(object, "ready", object.created, version));
    } else if (object.kind === "Namespace") {
      const metadata = { name: object.name, labels: Object.fromEntries(object.labels) };
      api.put(paths.namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
    } else if (object.kind === "Node") {
      const metadata = { name: object.name, labels: Object.fromEntries(object.labels) };
      const spec = { podCIDRs: object.podCidrs.map(formatCidr) };
      api.put(paths.nodes, { apiVersion: "v1", kind: "Node", metadata, spec, status: { addresses: object.addresses } });
    }
  }
  for (let index = 0; index < size.policies; index++) {
    api.put(paths.policies, policyObject(size, index));
  }
  for (const collection of api.collections.values()) collection.forget(api.version);
  return pods;
}

const life: readonly Phase[] = ["ending", "made", "started", "ready"];
/** So many pods are between two lives at a time. */
const atOnce = 64;

/** Pods end and are made anew, one after another: five changes each. */
function createChurn(pods: readonly Pod[]): () => void {
  let next = 0;
  const underWay: { pod: Pod; step: number }[] = [];
  return () => {
    changes += 1;
    const slot = changes % atOnce;
    const current = underWay[slot];
    if (current === undefined || current.step > life.length) {
      const pod = pods[(next++ * 7919) % pods.length];
      if (pod !== undefined) underWay[slot] = { pod, step: 0 };
    }
    const one = underWay[slot];
    if (one === undefined) return;
    const now = Math.floor(Date.now() / 1000);
    const { pod, step } = one;
    one.step += 1;
    // Ending, gone, made, started, ready.
    if (step === 1) {
      api.version += 1;
      api.collections.get(paths.pods)?.remove(holdPod(pod, "ending", now, api.version));
      one.pod = { ...pod, uid: `${pod.uid.slice(0, 8)}-${String(changes).padStart(27, "0")}`, created: now };
    } else {
      const phase = life[step === 0 ? 0 : step - 1] ?? "ready";
      api.putHeld(paths.pods, (version) => holdPod(pod, phase, now, version));
    }
  };
}

let change = (): void => {};
let rate = 0;
let owed = 0;
const tickMs = 5;

const tell = (message: FromServer): void => void process.send?.(message);

async function begin({ size, key, certificate }: ServerOrder): Promise<ServedApi> {
  change = createChurn(fill(size));
  const served = await serve(api, { key, certificate });
  setInterval(() => {
    for (const path of api.collections.keys()) api.bookmark(path);
  }, 60_000);
  setInterval(() => {
    for (owed += (rate * tickMs) / 1000; owed >= 1; owed--) change();
  }, tickMs);
  tell({ kind: "listening", port: served.port });
  return served;
}

let serving: Promise<ServedApi> | null = null;

async function answer(message: ToServer): Promise<void> {
  switch (message.kind) {
    case "begin":
      serving = begin(message.order);
      await serving;
      return;
    case "rate":
      rate = message.changes;
      return;
    case "ask":
      tell({ kind: "counts", changes, bytes: Object.fromEntries((await serving)?.bytes ?? []) });
  }
}

process.on("message", (message: ToServer) => void answer(message));
process.on("disconnect", () => process.exit());
