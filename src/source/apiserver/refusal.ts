import { printable } from "../../observe/printable.ts";
import { noStatus, statusOf } from "./read/status.ts";
import type { ApiStatus } from "./seen.ts";
import { type ApiResponse, ApiUnreachable } from "./client.ts";
import { protobufStatus } from "./read/protobuf/envelope.ts";

/** Why the server did not give what was asked for. */
export type Refusal =
  /** The version, or the page, is too old. */
  | { readonly kind: "expired"; readonly message: string }
  /** The version has not come to this server yet. */
  | { readonly kind: "ahead"; readonly message: string }
  /** It wants to be left alone for so many milliseconds. */
  | { readonly kind: "busy"; readonly after: number; readonly message: string }
  /** The resource is not there. */
  | { readonly kind: "absent"; readonly message: string }
  | { readonly kind: "forbidden"; readonly message: string }
  /** It does not know what was asked for. */
  | { readonly kind: "unknown-request"; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

/** What a Status of an error says, however it came: as an answer, or as an event after an answer 200. */
function refusalOf(status: ApiStatus): Refusal {
  const { code, reason } = status;
  const message = printable(`${code} ${status.message === "" ? reason : status.message}`.trim());
  const ahead = status.causes.includes("ResourceVersionTooLarge") || status.message.startsWith("Too large resource");
  if (code === 410 || reason === "Expired" || reason === "Gone") return { kind: "expired", message };
  if (ahead) return { kind: "ahead", message };
  if (code === 429 || (status.retryAfterSeconds > 0 && code >= 500)) {
    return { kind: "busy", after: status.retryAfterSeconds * 1000, message };
  }
  if (code === 404) return { kind: "absent", message };
  if (code === 403) return { kind: "forbidden", message };
  if (code === 422 || code === 400 || code === 406) return { kind: "unknown-request", message };
  return { kind: "failed", message };
}

/** What an error on a watch says. Some servers take WatchList, and then cannot do it. */
export function refusalOfEvent(status: ApiStatus, listing: boolean): Refusal {
  const refusal = refusalOf(status);
  const cannot = listing && refusal.kind === "failed" && status.code === 500;
  return cannot ? { kind: "unknown-request", message: refusal.message } : refusal;
}

const longestStatus = 1 << 20;

async function readBody(response: ApiResponse): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body) {
      length += chunk.byteLength;
      if (length > longestStatus) break;
      chunks.push(chunk);
    }
  } catch (error) {
    // Who is not known gets a 401 and the end of the connection at once (kube-apiserver 1.36 over HTTP/2): the code
    // says all there is.
    if (!(error instanceof ApiUnreachable)) throw error;
  }
  return Buffer.concat(chunks);
}

function parseStatus(body: Uint8Array, contentType: string): ApiStatus {
  try {
    if (contentType.startsWith("application/vnd.kubernetes.protobuf")) return protobufStatus(body);
    return statusOf(JSON.parse(Buffer.from(body).toString("utf8")));
  } catch {
    // A proxy's page, or a text: the code says all there is.
    return noStatus;
  }
}

/** Seconds; a date, which the server's and our clock would have to agree on, is not asked for. */
function retryAfter(text: string | undefined): number {
  const seconds = Number(text);
  return text !== undefined && Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

/** Reads an answer other than 200 to its end. */
export async function readRefusal(response: ApiResponse): Promise<Refusal> {
  const body = await readBody(response);
  const status = parseStatus(body, response.headers["content-type"] ?? "");
  const asked = retryAfter(response.headers["retry-after"]);
  const text = Buffer.from(body.subarray(0, 200)).toString("utf8");
  return refusalOf({
    ...status,
    code: response.status,
    message: status === noStatus ? text : status.message,
    retryAfterSeconds: Math.max(asked, status.retryAfterSeconds),
  });
}
