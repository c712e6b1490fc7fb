import type { ApiStatus, ListMeta } from "../../seen.ts";
import { MalformedAnswer } from "../../seen.ts";
import { WireCursor } from "./wire.ts";

/** Numbers of fields: apimachinery, `pkg/runtime/generated.proto` and `pkg/apis/meta/v1/generated.proto`. */
const magic = Buffer.from("k8s\0", "latin1");
export const magicLength = magic.length;

export function checkMagic(bytes: Buffer): void {
  if (bytes.compare(magic, 0, magicLength, 0, magicLength) !== 0) {
    throw new MalformedAnswer("the answer is not what Kubernetes calls protobuf");
  }
}

/** The message inside of `runtime.Unknown`, the envelope of every object. */
export function openEnvelope(bytes: Buffer): Buffer {
  if (bytes.length < magicLength) throw new MalformedAnswer("an object without its envelope");
  checkMagic(bytes);
  const cursor = new WireCursor(bytes, magicLength);
  let raw = bytes.subarray(0, 0);
  while (cursor.next()) {
    if (cursor.field === 2) raw = cursor.raw();
    else cursor.skip();
  }
  return raw;
}

/** meta/v1 ListMeta. */
export function readListMeta(bytes: Buffer): ListMeta {
  const cursor = new WireCursor(bytes);
  let resourceVersion = "";
  let next = "";
  while (cursor.next()) {
    if (cursor.field === 2) resourceVersion = cursor.text();
    else if (cursor.field === 3) next = cursor.text();
    else cursor.skip();
  }
  return { resourceVersion, continue: next };
}

/** StatusCause: its reason. */
function readCause(cursor: WireCursor): string {
  let reason = "";
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 1) reason = cursor.text();
    else cursor.skip();
  }
  cursor.leave(outer);
  return reason;
}

function readDetails(cursor: WireCursor): Pick<ApiStatus, "causes" | "retryAfterSeconds"> {
  const causes: string[] = [];
  let retryAfterSeconds = 0;
  const outer = cursor.enter();
  while (cursor.next()) {
    if (cursor.field === 5) retryAfterSeconds = cursor.integer();
    else if (cursor.field === 4) {
      const reason = readCause(cursor);
      if (reason !== "") causes.push(reason);
    } else cursor.skip();
  }
  cursor.leave(outer);
  return { causes, retryAfterSeconds };
}

/** meta/v1 Status, out of its envelope. */
export function readStatus(bytes: Buffer): ApiStatus {
  const cursor = new WireCursor(bytes);
  let code = 0;
  let reason = "";
  let message = "";
  let next = "";
  let details: Pick<ApiStatus, "causes" | "retryAfterSeconds"> = { causes: [], retryAfterSeconds: 0 };
  while (cursor.next()) {
    if (cursor.field === 1) next = readListMeta(cursor.raw()).continue;
    else if (cursor.field === 3) message = cursor.text();
    else if (cursor.field === 4) reason = cursor.text();
    else if (cursor.field === 5) details = readDetails(cursor);
    else if (cursor.field === 6) code = cursor.integer();
    else cursor.skip();
  }
  return { code, reason, message, continue: next, ...details };
}

/** A Status in its envelope: the body of a refusal. */
export function protobufStatus(body: Uint8Array): ApiStatus {
  return readStatus(openEnvelope(Buffer.from(body.buffer, body.byteOffset, body.byteLength)));
}
