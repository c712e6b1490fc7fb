import { Agent, request as startRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ApiResponse } from "../client.ts";
import { keepAliveDelay } from "./dial.ts";
import type { Describe, Outgoing, Transport } from "./transport.ts";
import { bodyOf, headerTimeLimit, noHeaders, plainHeaders, Unsent } from "./transport.ts";

/** An answer up to this size is read to its end when nobody wants it, so that its connection serves again. */
const cheapToRead = 1 << 16;

/** Connections that are kept, each opened by `dial`; the first one is there already. */
class Connections extends Agent {
  private spare: Socket | null;
  private readonly dial: () => Promise<Socket>;

  constructor(first: Socket, dial: () => Promise<Socket>) {
    super({ keepAlive: true, keepAliveMsecs: keepAliveDelay, maxFreeSockets: 8 });
    this.spare = first;
    this.dial = dial;
    first.once("close", () => {
      if (this.spare === first) this.spare = null;
    });
  }

  override createConnection(_options: unknown, done?: (error: Error | null, socket: Duplex) => void): undefined {
    const { spare } = this;
    this.spare = null;
    void this.hand(spare === null ? this.dial() : Promise.resolve(spare), done);
  }

  private async hand(dialed: Promise<Socket>, done?: (error: Error | null, socket: Duplex) => void): Promise<void> {
    let socket: Socket;
    try {
      socket = await dialed;
    } catch (error) {
      // Its type wants a socket even where there is none.
      done?.(error as Error, undefined as unknown as Duplex);
      return;
    }
    done?.(null, socket);
  }

  get serveNobody(): boolean {
    return Object.keys(this.sockets).length === 0 && Object.keys(this.requests).length === 0;
  }

  /** Ends those that serve nobody; the others end with their answers. */
  drain(): void {
    this.maxFreeSockets = 0;
    this.spare?.destroy();
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

/** The answer, once its headers are there. */
function answerTo(request: ClientRequest, body: string | null, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const timer = setTimeout(() => request.destroy(noHeaders()), headerTimeLimit);
    const onAbort = (): void => void request.destroy(new Error("aborted"));
    const settled = (): void => clearTimeout(timer);
    request.once("close", () => {
      settled();
      signal.removeEventListener("abort", onAbort);
    });
    request.once("response", (response) => {
      settled();
      isAnswered = true;
      resolve(response);
    });
    request.on("error", (error) => {
      settled();
      if (signal.aborted) reject(signal.reason as Error);
      // The server closed a connection that was kept, while we took it for good. To read again harms nobody.
      else if (request.reusedSocket && !isAnswered && request.method === "GET") {
        reject(new Unsent(error.message, { cause: error }));
      } else reject(error);
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else request.end(body ?? undefined);
  });
}

/** HTTP/1.1: a connection for each request that runs. */
export function createHttp1(first: Socket, dial: () => Promise<Socket>, host: string, describe: Describe): Transport {
  let isOpen = true;
  const connections = new Connections(first, async () => {
    try {
      return await dial();
    } catch (error) {
      // Whoever answers there next may speak HTTP/2: the next request finds out.
      isOpen = false;
      connections.drain();
      throw error;
    }
  });
  return {
    get isOpen() {
      return isOpen;
    },
    get hasEnded() {
      return !isOpen && connections.serveNobody;
    },
    async send({ method, path, headers, body }: Outgoing, signal: AbortSignal): Promise<ApiResponse> {
      const named = { host, ...headers } as Record<string, string | string[]>;
      const request = startRequest({ agent: connections, method, path, headers: named });
      const response = await answerTo(request, body, signal);
      // The connection knows why it broke; the answer only knows that it was cut.
      const { socket } = response;
      const cut = Object.assign(new Error("cut"), { code: "ECONNRESET" });
      const breakage = (): Error | null => (response.complete ? null : (socket.errored ?? response.errored ?? cut));
      response.on("error", () => {});
      const length = Number(response.headers["content-length"] ?? Number.NaN);
      return {
        status: response.statusCode ?? 0,
        headers: plainHeaders(response.headers),
        body: bodyOf(response, breakage, describe, signal),
        discard: () => void (length <= cheapToRead ? response.resume() : response.destroy()),
      };
    },
    retire: () => {
      isOpen = false;
      connections.drain();
    },
    close: () => {
      isOpen = false;
      connections.drain();
      connections.destroy();
    },
  };
}
