/** Pods, lists, events and refusals as protobuf, from the same objects that are sent as JSON. */
import type { ApiObject } from "../cluster-of.ts";
import { WireWriter } from "./wire-writer.ts";

/** How a field is written: a scalar, a map of strings, a message, or a list of one of those. */
type Form = "text" | "integer" | "boolean" | "time" | "map" | "json" | Message | readonly [Form];
interface Message {
  readonly [field: string]: readonly [number: number, form: Form];
}

const owner: Message = {
  kind: [1, "text"],
  name: [3, "text"],
  uid: [4, "text"],
  apiVersion: [5, "text"],
  controller: [6, "boolean"],
  blockOwnerDeletion: [7, "boolean"],
};
const managedFields: Message = {
  manager: [1, "text"],
  operation: [2, "text"],
  apiVersion: [3, "text"],
  time: [4, "time"],
  fieldsType: [6, "text"],
  fieldsV1: [7, "json"],
};
const metadata: Message = {
  name: [1, "text"],
  generateName: [2, "text"],
  namespace: [3, "text"],
  uid: [5, "text"],
  resourceVersion: [6, "text"],
  generation: [7, "integer"],
  creationTimestamp: [8, "time"],
  deletionTimestamp: [9, "time"],
  deletionGracePeriodSeconds: [10, "integer"],
  labels: [11, "map"],
  annotations: [12, "map"],
  ownerReferences: [13, [owner]],
  finalizers: [14, ["text"]],
  managedFields: [17, [managedFields]],
};
const port: Message = {
  name: [1, "text"],
  hostPort: [2, "integer"],
  containerPort: [3, "integer"],
  protocol: [4, "text"],
};
const container: Message = {
  name: [1, "text"],
  image: [2, "text"],
  command: [3, ["text"]],
  args: [4, ["text"]],
  ports: [6, [port]],
  env: [7, [{ name: [1, "text"], value: [2, "text"] }]],
  volumeMounts: [9, [{ name: [1, "text"], readOnly: [2, "boolean"], mountPath: [3, "text"] }]],
  imagePullPolicy: [14, "text"],
  restartPolicy: [24, "text"],
};
const spec: Message = {
  volumes: [1, [{ name: [1, "text"] }]],
  containers: [2, [container]],
  restartPolicy: [3, "text"],
  terminationGracePeriodSeconds: [4, "integer"],
  nodeSelector: [7, "map"],
  serviceAccountName: [8, "text"],
  nodeName: [10, "text"],
  hostNetwork: [11, "boolean"],
  schedulerName: [19, "text"],
  initContainers: [20, [container]],
  tolerations: [
    22,
    [{ key: [1, "text"], operator: [2, "text"], effect: [4, "text"], tolerationSeconds: [5, "integer"] }],
  ],
  priority: [25, "integer"],
};
const condition: Message = {
  type: [1, "text"],
  status: [2, "text"],
  lastProbeTime: [3, "time"],
  lastTransitionTime: [4, "time"],
  reason: [5, "text"],
};
const containerStatus: Message = {
  name: [1, "text"],
  ready: [4, "boolean"],
  restartCount: [5, "integer"],
  image: [6, "text"],
  imageID: [7, "text"],
  containerID: [8, "text"],
};
const status: Message = {
  phase: [1, "text"],
  conditions: [2, [condition]],
  hostIP: [5, "text"],
  podIP: [6, "text"],
  startTime: [7, "time"],
  containerStatuses: [8, [containerStatus]],
  qosClass: [9, "text"],
  podIPs: [12, [{ ip: [1, "text"] }]],
  hostIPs: [16, [{ ip: [1, "text"] }]],
};
const pod: Message = { metadata: [1, metadata], spec: [2, spec], status: [3, status] };
const refusal: Message = {
  metadata: [1, { resourceVersion: [2, "text"], continue: [3, "text"] }],
  status: [2, "text"],
  message: [3, "text"],
  reason: [4, "text"],
  details: [5, { causes: [4, [{ reason: [1, "text"], message: [2, "text"] }]], retryAfterSeconds: [5, "integer"] }],
  code: [6, "integer"],
};

const writer = new WireWriter();
const isObject = (value: unknown): value is ApiObject => typeof value === "object" && value !== null;

function writeValue(number: number, form: Form, value: unknown): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(form)) {
    for (const item of value as readonly unknown[]) writeValue(number, (form as readonly [Form])[0], item);
  } else if (form === "text") writer.text(number, value as string);
  else if (form === "integer") writer.integer(number, value as number);
  else if (form === "boolean") writer.integer(number, value === true ? 1 : 0);
  else if (form === "time") {
    const seconds = Math.floor(Date.parse(value as string) / 1000);
    writer.message(number, () => writer.integer(1, seconds));
  } else if (form === "map") {
    for (const [key, one] of Object.entries(value as Record<string, string>)) {
      writer.message(number, () => {
        writer.text(1, key);
        writer.text(2, one);
      });
    }
  } else if (form === "json") writer.message(number, () => writer.text(1, JSON.stringify(value)));
  else if (isObject(value)) writer.message(number, () => writeMessage(form as Message, value));
}

function writeMessage(message: Message, object: ApiObject): void {
  for (const [name, [number, form]] of Object.entries(message)) writeValue(number, form, object[name]);
}

/** A Pod without its envelope. */
export function podMessage(object: ApiObject): Buffer {
  writeMessage(pod, object);
  return writer.take();
}

const magic = Buffer.from("k8s\0", "latin1");

/** `runtime.Unknown` around a message. */
export function envelope(kind: string, apiVersion: string, raw: Uint8Array): Buffer {
  writer.message(1, () => {
    writer.text(1, apiVersion);
    writer.text(2, kind);
  });
  writer.bytes(2, raw);
  writer.text(3, "");
  writer.text(4, "");
  return Buffer.concat([magic, writer.take()]);
}

export function statusMessage(object: ApiObject): Buffer {
  writeMessage(refusal, object);
  return envelope("Status", "v1", writer.take());
}

/** One item of a PodList, and what comes before the first. */
export function listItem(raw: Uint8Array): Buffer {
  writer.bytes(2, raw);
  return writer.take();
}

export function listMetadata(resourceVersion: string, next: string): Buffer {
  writer.message(1, () => {
    writer.text(2, resourceVersion);
    if (next !== "") writer.text(3, next);
  });
  return writer.take();
}

/** The beginning of a PodList of so many bytes, and its end. */
export function listFrame(length: number): { readonly head: Buffer; readonly tail: Buffer } {
  writer.message(1, () => {
    writer.text(1, "v1");
    writer.text(2, "PodList");
  });
  writer.varint(2 * 8 + 2);
  writer.varint(length);
  const head = Buffer.concat([magic, writer.take()]);
  writer.text(3, "");
  writer.text(4, "");
  return { head, tail: writer.take() };
}

/** An event of a watch, its length before it. `object` is in its envelope. */
export function eventFrame(type: string, object: Uint8Array): Buffer {
  writer.text(1, type);
  writer.message(2, () => writer.bytes(1, object));
  const event = writer.take();
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length, 0);
  event.copy(frame, 4);
  return frame;
}
