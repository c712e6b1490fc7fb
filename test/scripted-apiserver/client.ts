import type { ApiClient, ApiResponse } from "../../src/source/apiserver/client.ts";
import { ApiUnreachable } from "../../src/source/apiserver/client.ts";
import { Broken } from "./api.ts";
import type { Answer, ScriptedApi } from "./api.ts";

/** How the bytes of a body are cut into what arrives at once. */
export type Chop = (bytes: Uint8Array) => Iterable<Uint8Array>;

const whole: Chop = (bytes) => [bytes];

/** A client that calls the scripted server within the process: no sockets, no time of its own. */
export function scriptedClient(api: ScriptedApi, chop: Chop = whole): ApiClient {
  return {
    server: "scripted",
    namespace: "default",
    request: async (request, signal) => {
      signal.throwIfAborted();
      await Promise.resolve();
      try {
        return responseOf(api.handle(request), signal, chop);
      } catch (error) {
        throw error instanceof Broken ? new ApiUnreachable(error.message) : error;
      }
    },
    close: () => {},
  };
}

function responseOf(answer: Answer, signal: AbortSignal, chop: Chop): ApiResponse {
  async function* body(): AsyncGenerator<Uint8Array, void> {
    const iterator = answer.body[Symbol.asyncIterator]();
    let stop = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener("abort", stop, { once: true });
    });
    aborted.catch(() => {});
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = await Promise.race([iterator.next(), aborted]);
        if (next.done === true) return;
        yield* chop(next.value);
      }
    } catch (error) {
      throw error instanceof Broken ? new ApiUnreachable(error.message) : error;
    } finally {
      signal.removeEventListener("abort", stop);
      answer.leave();
    }
  }
  return { status: answer.status, headers: answer.headers, body: body(), discard: () => answer.leave() };
}
