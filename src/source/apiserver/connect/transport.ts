import type { Readable } from "node:stream";
import type { ApiResponse, ApiUnreachable } from "../client.ts";

/** A request as it goes out: headers complete. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | null;
}

/** One way to the server with one client certificate: an HTTP/2 session, or a pool of HTTP/1.1 connections. */
export interface Transport {
  /** False once it takes no new requests; those that run may go on. */
  readonly isOpen: boolean;
  /** True once nothing runs on it any more and nothing ever will. */
  readonly hasEnded: boolean;
  /** Rejects with the error of the connection (`Unsent`: safe to send again), or with the signal's reason. */
  send(request: Outgoing, signal: AbortSignal): Promise<ApiResponse>;
  /** Takes no more requests; closes when the last has ended. */
  retire(): void;
  /** Ends all that runs. */
  close(): void;
}

/** Makes of an error what a request ends with. */
export type Describe = (error: unknown) => ApiUnreachable;

/** How long the server may take to begin its answer; a dead one must be noticed within 30 s. */
export const headerTimeLimit = 28_000;

/** The server did not act on the request: it may be sent again, whatever it is. */
export class Unsent extends Error {}

/** No answer began in time. */
export const noHeaders = (): Error =>
  Object.assign(new Error(`no answer began within ${headerTimeLimit / 1000} s`), { code: "" });

/**
 * The bytes of an answer as they come; the reader's pace is the server's, since no more than the stream's window is
 * kept. `breakage` tells, after the end, whether it was no proper end.
 */
export async function* bodyOf(
  stream: Readable,
  breakage: () => Error | null,
  describe: Describe,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) {
      yield chunk as Uint8Array;
      if (signal.aborted) break;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw describe(breakage() ?? error);
  }
  if (signal.aborted) throw signal.reason;
  const broken = breakage();
  if (broken !== null) throw describe(broken);
}

/** Header names to texts; what came several times is joined, as HTTP allows. */
export function plainHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":")) continue;
    if (typeof value === "string") plain[name] = value;
    else if (Array.isArray(value)) plain[name] = value.join(", ");
  }
  return plain;
}
