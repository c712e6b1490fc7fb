import type { ApiObject } from "../cluster-of.ts";
import { podMessage } from "./pod-message.ts";

/** An object as the server holds it, in one version. */
export interface Held {
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
  readonly version: number;
  json(): string;
  /** Without its envelope; null: there is no such form of it. */
  protobuf(): Buffer | null;
  /** The event that adds it, as protobuf, where it was made before it is asked for. */
  readonly added?: Buffer;
}

interface Metadata {
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/** An object of a test, in a version. */
export function hold(object: ApiObject, version: number): Held {
  const { namespace, name, uid = "" } = object.metadata as Metadata;
  const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  return {
    namespace: namespace ?? null,
    name,
    uid,
    version,
    json: () => JSON.stringify(versioned),
    protobuf: () => (object.kind === "Pod" ? podMessage(versioned) : null),
  };
}
