import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { connect, constants } from "node:http2";
import type { Socket } from "node:net";
import type { ApiResponse } from "../client.ts";
import type { Describe, Outgoing, Transport } from "./transport.ts";
import { bodyOf, headerTimeLimit, noHeaders, plainHeaders, Unsent } from "./transport.ts";

/** What the server may send of one answer before we have read it: the memory that a slow reader costs. */
const streamWindow = 4 << 20;
const connectionWindow = 64 << 20;
/** In MB, for the answers of all streams together; beyond it Node would refuse new ones. */
const sessionMemory = 256;
/** The connection is looked at so often; silent for two looks it is asked, silent for five it is given up. */
const lookInterval = 4000;
const looksUntilPing = 2;
const looksUntilDead = 5;

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

const reset = (message: string): Error => Object.assign(new Error(message), { code: "ECONNRESET" });

/**
 * Ends a session whose other side is gone, which TCP would not notice while nothing is sent. It counts looks, not
 * time: a process that was busy or stopped for a minute first hears what has come meanwhile, and then judges.
 */
function watchForSilence(session: ClientHttp2Session, socket: Socket): void {
  let silentLooks = 0;
  let seen = socket.bytesRead;
  const heard = (): void => {
    silentLooks = 0;
  };
  const timer = setInterval(() => {
    if (socket.bytesRead !== seen) heard();
    seen = socket.bytesRead;
    silentLooks++;
    if (silentLooks > looksUntilDead) {
      session.destroy(
        new Error(`nothing came for ${(lookInterval * looksUntilDead) / 1000} s, no answer to a ping either`),
      );
    } else if (silentLooks > looksUntilPing) session.ping((error) => (error === null ? heard() : undefined));
  }, lookInterval);
  session.once("close", () => clearInterval(timer));
}

/** Why an answer has not ended as it should; null: it has. */
function breakageOf(stream: ClientHttp2Stream, session: ClientHttp2Session, lost: () => Error | null): Error | null {
  if (stream.errored) return stream.errored;
  if (stream.rstCode === NGHTTP2_NO_ERROR && stream.readableEnded && !stream.aborted) return null;
  return lost() ?? reset(session.destroyed ? "the connection was closed" : `the stream was reset (${stream.rstCode})`);
}

interface Answer {
  readonly stream: ClientHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

function answerOf(
  stream: ClientHttp2Stream,
  body: string | null,
  lost: () => Error | null,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => stream.destroy(noHeaders()), headerTimeLimit);
    const onAbort = (): void => stream.close(NGHTTP2_CANCEL);
    signal.addEventListener("abort", onAbort, { once: true });
    stream.once("response", (headers) => {
      clearTimeout(timer);
      resolve({ stream, headers });
    });
    // Without a listener an error of a stream that nobody reads any more would end the process.
    stream.on("error", () => {});
    stream.once("close", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      const error = stream.errored ?? lost() ?? reset(`the stream was reset (${stream.rstCode})`);
      if (signal.aborted) reject(signal.reason as Error);
      else reject(stream.rstCode === NGHTTP2_REFUSED_STREAM ? new Unsent(error.message, { cause: error }) : error);
    });
    if (signal.aborted) onAbort();
    else stream.end(body ?? undefined);
  });
}

/** The connection stands already; Node wants a turn to see that. */
function ready(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once("error", reject);
    session.once("close", () => reject(reset("the connection was closed")));
    session.once("connect", () => {
      session.setLocalWindowSize(connectionWindow);
      resolve();
    });
  });
}

/** HTTP/2: all requests on one connection. `authority` is the URL's host and port. */
export async function createHttp2(socket: Socket, authority: string, describe: Describe): Promise<Transport> {
  const session = connect(authority, {
    createConnection: () => socket,
    settings: { initialWindowSize: streamWindow, enablePush: false },
    maxSessionMemory: sessionMemory,
  });
  let isOpen = true;
  let failure: Error | null = null;
  const lost = (): Error | null => failure;
  session.on("error", (error) => {
    failure ??= error;
  });
  // Node lets the streams that run end, and takes no new ones.
  session.once("goaway", () => {
    isOpen = false;
  });
  session.once("close", () => {
    isOpen = false;
  });
  await ready(session);
  watchForSilence(session, socket);

  return {
    get isOpen() {
      return isOpen && !session.closed && !session.destroyed;
    },
    get hasEnded() {
      return session.destroyed;
    },
    async send({ method, path, headers, body }: Outgoing, signal: AbortSignal): Promise<ApiResponse> {
      signal.throwIfAborted();
      let opened: ClientHttp2Stream;
      try {
        const sent = { ...headers, ":method": method, ":path": path } as OutgoingHttpHeaders;
        opened = session.request(sent, { endStream: body === null });
      } catch (error) {
        throw new Unsent(error instanceof Error ? error.message : String(error), { cause: error });
      }
      const { stream, headers: received } = await answerOf(opened, body, lost, signal);
      return {
        status: Number(received[":status"]),
        headers: plainHeaders(received),
        body: bodyOf(stream, () => breakageOf(stream, session, lost), describe, signal),
        discard: () => stream.close(NGHTTP2_CANCEL),
      };
    },
    retire: () => {
      isOpen = false;
      session.close();
    },
    close: () => {
      isOpen = false;
      session.destroy();
    },
  };
}
