/** A Pod is the same Pod whether it came as JSON or as protobuf, in whatever pieces. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodePod } from "../../src/kube/decode/pod.ts";
import type { Seen, WatchEvent } from "../../src/source/apiserver/seen.ts";
import { MalformedAnswer } from "../../src/source/apiserver/seen.ts";
import { jsonReader } from "../../src/source/apiserver/read/json.ts";
import { readPod } from "../../src/source/apiserver/read/protobuf/pod.ts";
import { protobufReader } from "../../src/source/apiserver/read/protobuf/protobuf.ts";
import type { ApiObject } from "../cluster-of.ts";
import { tries } from "../property.ts";
import { wholeJson, protobuf } from "./form.ts";
import type { Form } from "./form.ts";
import { hold } from "./held.ts";
import { podMessage } from "./pod-message.ts";

const decode = (object: unknown) => ({ kind: "read", ...decodePod(object) }) as const;
const json = jsonReader(decode);
const wire = protobufReader(readPod, decode);

const kind = { path: "/api/v1/pods", apiVersion: "v1", kind: "Pod" };
const jsonForm = wholeJson(kind);
const wireForm = protobuf((version) =>
  podMessage({ apiVersion: "v1", kind: "Pod", metadata: { resourceVersion: String(version) } }),
);

/** Valid and not: what the API server would refuse must come to the same errors, too. */
const text = fc.oneof(fc.constantFrom("", "a", "web", "__proto__", "10", "ä€𝄞"), fc.string({ maxLength: 300 }));
const name = fc.oneof(
  fc.constantFrom("web", "web-0", "x.y"),
  text.filter((one) => one !== ""),
);
const number = fc.oneof(fc.constantFrom(0, 1, 80, 65_535, 65_536, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const time = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((one) => {
  return `${one.toISOString().slice(0, 19)}Z`;
});
const map = fc.dictionary(text, text, { maxKeys: 4 });
const some = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const list = <T>(one: fc.Arbitrary<T>) => some(fc.array(one, { maxLength: 3 }));

const owner = fc.record({ apiVersion: text, kind: text, name: text, uid: text, controller: fc.boolean() });
const managed = fc.record({
  manager: text,
  operation: text,
  time,
  fieldsV1: fc.constant({ "f:metadata": { "f:x": {} } }),
});
const metadata = fc.record({
  name,
  namespace: fc.oneof(fc.constantFrom("a", "default"), text),
  uid: text,
  generation: fc.nat(),
  creationTimestamp: some(time),
  deletionTimestamp: some(time),
  labels: some(map),
  annotations: some(map),
  ownerReferences: list(owner),
  managedFields: list(managed),
});
const port = fc.record({
  name: fc.oneof(fc.constantFrom("http", "dns"), text),
  containerPort: number,
  protocol: fc.constantFrom("", "TCP", "UDP", "SCTP", "tcp"),
});
const container = fc.record({
  name: text,
  image: text,
  args: list(text),
  env: list(fc.record({ name: text, value: text })),
  ports: list(port),
  restartPolicy: fc.constantFrom("", "Always"),
});
const address = fc.oneof(fc.constantFrom("10.0.0.1", "fd00::1", "::ffff:10.0.0.1", "010.0.0.1", ""), text);
const condition = fc.record({
  type: fc.constantFrom("Ready", "PodScheduled", "Initialized"),
  status: fc.constantFrom("True", "False", "Unknown", ""),
  lastTransitionTime: time,
});
const spec = fc.record({
  volumes: list(fc.record({ name: text })),
  nodeName: fc.oneof(fc.constantFrom("", "node-1"), text),
  hostNetwork: fc.boolean(),
  containers: list(container),
  initContainers: list(container),
  tolerations: list(fc.record({ key: text, tolerationSeconds: number })),
});
const status = fc.record({
  phase: fc.constantFrom("", "Pending", "Running", "Succeeded", "Failed", "Unknown", "Lost"),
  podIP: address,
  podIPs: list(fc.record({ ip: address })),
  conditions: list(condition),
  containerStatuses: list(fc.record({ name: text, ready: fc.boolean(), restartCount: number })),
});

/** Fields that are absent are left out, as JSON has them. */
const pod = fc.record({ metadata, spec: some(spec), status: some(status) }).map((one) => {
  return JSON.parse(JSON.stringify({ apiVersion: "v1", kind: "Pod", ...one })) as ApiObject;
});

function feed(reading: { feed(chunk: Uint8Array): void }, bytes: Uint8Array, chunk: number): void {
  for (let at = 0; at < bytes.length; at += chunk) reading.feed(bytes.subarray(at, at + chunk));
}

function listed(form: Form, reader: typeof json, pods: readonly ApiObject[], chunk: number) {
  const seen: Seen[] = [];
  const reading = reader.list(form.listType, (one) => seen.push(one));
  const held = pods.map((one, index) => hold(one, index + 1));
  feed(reading, Buffer.concat([...form.list(held, 77, "next")]), chunk);
  return { seen, end: reading.end() };
}

function watched(form: Form, reader: typeof json, pods: readonly ApiObject[], chunk: number): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  const reading = reader.watch(form.watchType, (one) => events.push(one));
  const types = ["ADDED", "MODIFIED", "DELETED", "RELABELLED"];
  const frames = pods.map((one, index) => form.event(types[index % 4] ?? "", hold(one, index + 1)));
  const refusal = {
    apiVersion: "v1",
    kind: "Status",
    metadata: { continue: "c" },
    code: 410,
    reason: "Expired",
    message: "m",
  };
  const details = { causes: [{ reason: "r" }], retryAfterSeconds: 3 };
  feed(reading, Buffer.concat([...frames, form.bookmark(78, true), form.error({ ...refusal, details })]), chunk);
  return events;
}

const chunks = fc.constantFrom(1, 3, 64, 1 << 20);

describe("a Pod as protobuf", () => {
  it("is what it is as JSON, in a list", () => {
    const property = fc.property(fc.array(pod, { maxLength: 4 }), chunks, (pods, chunk) => {
      assert.deepEqual(listed(wireForm, wire, pods, chunk), listed(jsonForm, json, pods, chunk));
    });
    fc.assert(property, tries(300));
  });

  it("is what it is as JSON, on a watch", () => {
    const property = fc.property(fc.array(pod, { maxLength: 4 }), chunks, (pods, chunk) => {
      const withoutEnd = (event: WatchEvent) =>
        event.kind === "bookmark" ? { ...event, initialEventsEnd: true } : event;
      assert.deepEqual(
        watched(wireForm, wire, pods, chunk).map(withoutEnd),
        watched(jsonForm, json, pods, chunk).map(withoutEnd),
      );
    });
    fc.assert(property, tries(300));
  });

  it("that is cut short or garbled is no Pod, and nothing worse", () => {
    const property = fc.property(pod, fc.nat(), fc.nat(255), fc.boolean(), (one, where, byte, cut) => {
      for (const [form, reader] of [
        [wireForm, wire],
        [jsonForm, json],
      ] as const) {
        const bytes = Buffer.concat([...form.list([hold(one, 1)], 77, "")]);
        const at = where % bytes.length;
        const broken = cut ? bytes.subarray(0, at) : bytes.fill(byte, at, at + 1);
        try {
          const reading = reader.list(form.listType, () => {});
          reading.feed(broken);
          reading.end();
          // An envelope that ends early may do so behind the list; JSON may end in blanks.
          assert.ok(!cut || at >= bytes.length - 4);
        } catch (error) {
          assert.ok(error instanceof MalformedAnswer, String(error));
        }
      }
    });
    fc.assert(property, tries(500));
  });
});
