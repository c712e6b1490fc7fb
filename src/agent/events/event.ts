import { createHash } from "node:crypto";
import { printable } from "../../observe/printable.ts";
import type { ObjectReference } from "../../source/source.ts";

/** Something wrong with a policy that its owner should be told of. */
export interface Problem {
  readonly reference: ObjectReference;
  readonly reason: "InvalidPolicy" | "UnsupportedPolicy";
  readonly message: string;
}

/** An Event as it is sent. */
export interface EventRequest {
  /** The same on every node and after every restart, so that the API server keeps one of them. */
  readonly name: string;
  readonly path: string;
  readonly body: string;
}

/** An Event's limits: events.k8s.io/v1, `note` in bytes. */
const longestNote = 1024;
/** A name may have 253 characters; a dot and 16 hexadecimal digits follow the object's. */
const longestObjectName = 200;
/** Objects without a namespace have their Events here. */
const clusterNamespace = "default";
const controller = "portcullis.dev/agent";

/** At most so many bytes of UTF-8, whole characters. */
function cutBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= most) return text;
  const mark = "…";
  let end = most - Buffer.byteLength(mark);
  // Not in the middle of a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString() + mark;
}

/** What tells this problem from others, and is the same for every agent. */
export function keyOfProblem({ reference, reason, message }: Problem): string {
  const { uid, apiVersion, kind, namespace, name } = reference;
  const parts = [uid, apiVersion, kind, namespace ?? "", name, reason, message];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** `now`: milliseconds since the epoch. `node`: of the agent that happens to be the first to tell. */
export function eventFor(problem: Problem, node: string, now: number): EventRequest {
  const { reference, reason } = problem;
  const namespace = reference.namespace ?? clusterNamespace;
  const name = `${reference.name.slice(0, longestObjectName).replace(/[^a-z0-9]+$/, "")}.${keyOfProblem(problem)}`;
  const time = new Date(now).toISOString().replace("Z", "000Z");
  const event = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name, namespace },
    eventTime: time,
    reportingController: controller,
    reportingInstance: `portcullis-${node}`.slice(0, 128),
    action: "Enforce",
    reason,
    type: "Warning",
    regarding: {
      apiVersion: reference.apiVersion,
      kind: reference.kind,
      ...(reference.namespace === null ? {} : { namespace: reference.namespace }),
      name: reference.name,
      uid: reference.uid,
      resourceVersion: reference.resourceVersion,
    },
    note: cutBytes(printable(problem.message, longestNote), longestNote),
  };
  return {
    name,
    path: `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`,
    body: JSON.stringify(event),
  };
}
