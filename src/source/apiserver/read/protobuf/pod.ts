import { decodePod } from "../../../../kube/decode/pod.ts";
import type { Seen } from "../../seen.ts";
import type { WireMetadata } from "./metadata.ts";
import { readMetadata } from "./metadata.ts";
import type { WireCursor } from "./wire.ts";

/** The fields that `decodePod` reads, in the form that JSON would give them. Numbers: k8s.io/api/core/v1, generated.proto. */
interface WirePod {
  metadata?: WireMetadata;
  spec?: WireSpec;
  status?: WireStatus;
}

interface WireSpec {
  nodeName: string;
  hostNetwork: boolean;
  containers?: WireContainer[];
  initContainers?: WireContainer[];
}

interface WireContainer {
  restartPolicy: string;
  ports?: WirePort[];
}

interface WirePort {
  name: string;
  containerPort: number;
  protocol: string;
}

interface WireStatus {
  phase: string;
  podIP: string;
  podIPs?: { ip: string }[];
  conditions?: { type: string; status: string }[];
}

function readPort(cursor: WireCursor): WirePort {
  const port: WirePort = { name: "", containerPort: 0, protocol: "" };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) port.name = cursor.text();
    else if (cursor.field === 3) port.containerPort = cursor.integer();
    else if (cursor.field === 4) port.protocol = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  return port;
}

function readContainer(cursor: WireCursor): WireContainer {
  const container: WireContainer = { restartPolicy: "" };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 6) (container.ports ??= []).push(readPort(cursor));
    else if (cursor.field === 24) container.restartPolicy = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  return container;
}

function readSpec(cursor: WireCursor): WireSpec {
  const spec: WireSpec = { nodeName: "", hostNetwork: false };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 2) (spec.containers ??= []).push(readContainer(cursor));
    else if (cursor.field === 10) spec.nodeName = cursor.text();
    else if (cursor.field === 11) spec.hostNetwork = cursor.boolean();
    else if (cursor.field === 20) (spec.initContainers ??= []).push(readContainer(cursor));
    else cursor.skip();
  }
  cursor.leave(outer);
  return spec;
}

function readCondition(cursor: WireCursor): { type: string; status: string } {
  const condition = { type: "", status: "" };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) condition.type = cursor.text();
    else if (cursor.field === 2) condition.status = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  return condition;
}

function readAddress(cursor: WireCursor): { ip: string } {
  const address = { ip: "" };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) address.ip = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  return address;
}

function readStatus(cursor: WireCursor): WireStatus {
  const status: WireStatus = { phase: "", podIP: "" };
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) status.phase = cursor.text();
    else if (cursor.field === 2) (status.conditions ??= []).push(readCondition(cursor));
    else if (cursor.field === 6) status.podIP = cursor.text();
    else if (cursor.field === 12) (status.podIPs ??= []).push(readAddress(cursor));
    else cursor.skip();
  }
  cursor.leave(outer);
  return status;
}

/**
 * Reads a v1 Pod; null where it has no name. Gives exactly what reading the same Pod as JSON gives, since one decoder
 * has the last word on both.
 */
export function readPod(cursor: WireCursor): Seen | null {
  const pod: WirePod = {};
  let stamp = 0;
  while (cursor.next()) {
    if (cursor.field === 1) {
      const read = readMetadata(cursor);
      pod.metadata = read.metadata;
      stamp = read.stamp;
    } else if (cursor.field === 2) pod.spec = readSpec(cursor);
    else if (cursor.field === 3) pod.status = readStatus(cursor);
    else cursor.skip();
  }
  const { metadata } = pod;
  if (metadata === undefined || metadata.name === "") return null;
  const { namespace, name, uid, resourceVersion, generation } = metadata;
  const { value, errors } = decodePod(pod);
  const meaning = { kind: "read", value, errors } as const;
  return { namespace: namespace || null, name, uid, resourceVersion, generation, stampedAt: stamp * 1000, meaning };
}
