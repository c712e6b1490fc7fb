import type { ApiClient, ApiRequest, ApiResponse, ApiUnreachable } from "../client.ts";
import { decompressed, paysToCompress } from "./compressed.ts";
import type { ClusterConfig, RunCommand } from "./config.ts";
import type { Credentials, KeyPair } from "./credentials.ts";
import { createCredentials, RotatedFiles } from "./credentials.ts";
import { dial } from "./dial.ts";
import { createHttp1 } from "./http1.ts";
import { createHttp2 } from "./http2.ts";
import type { Outgoing, Transport } from "./transport.ts";
import { Unsent } from "./transport.ts";
import { unreachable } from "./unreachable.ts";

export interface ClusterParts {
  /** Starts exec plugins. */
  readonly run: RunCommand;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Exec plugins may ask the person at the terminal; false where absent. */
  readonly interactive?: boolean;
  readonly userAgent?: string;
}

const isSamePair = (one: KeyPair | null, other: KeyPair | null): boolean =>
  one?.certificate === other?.certificate && one?.key === other?.key;

/** The transport of now; a fresh one where there is none or our certificate has changed. Dials once for all who wait. */
function createDialer(config: ClusterConfig, files: RotatedFiles, now: () => number) {
  const describe = (error: unknown): ApiUnreachable => unreachable(config.server, error, now());
  const stop = new AbortController();
  /** Those that take no new requests, while some still run. */
  let ending: readonly Transport[] = [];
  let held: { readonly transport: Transport; readonly pair: KeyPair | null } | null = null;
  let dialing: { readonly transport: Promise<Transport>; readonly pair: KeyPair | null } | null = null;

  async function connect(pair: KeyPair | null): Promise<Transport> {
    const first = await dial({ config, files, pair, protocols: ["h2", "http/1.1"] }, stop.signal);
    if (first.protocol === "h2") return createHttp2(first.socket, new URL(config.server).origin, describe);
    const more = async () => (await dial({ config, files, pair, protocols: ["http/1.1"] }, stop.signal)).socket;
    return createHttp1(first.socket, more, new URL(config.server).host, describe);
  }

  async function open(pair: KeyPair | null): Promise<Transport> {
    const transport = await connect(pair);
    if (stop.signal.aborted) transport.close();
    held?.transport.retire();
    ending = [...ending, ...(held === null ? [] : [held.transport])].filter((one) => !one.hasEnded);
    held = { transport, pair };
    return transport;
  }

  return {
    describe,
    transportFor(pair: KeyPair | null): Promise<Transport> {
      if (held !== null && held.transport.isOpen && isSamePair(held.pair, pair)) return Promise.resolve(held.transport);
      if (dialing !== null && isSamePair(dialing.pair, pair)) return dialing.transport;
      const transport = open(pair).finally(() => {
        if (dialing === mine) dialing = null;
      });
      const mine = { transport, pair };
      dialing = mine;
      return transport;
    },
    close(): void {
      stop.abort(new Error("the client is closed"));
      held?.transport.close();
      for (const transport of ending) transport.close();
    },
  };
}

/** Waits for something that others wait for too: only this one gives up when its signal aborts. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** A client of the API server that the configuration names. Connects when it is first asked for something. */
export function openCluster(config: ClusterConfig, parts: ClusterParts): ApiClient {
  const files = new RotatedFiles();
  const { run, now, interactive = false, userAgent = "portcullis" } = parts;
  const credentials = createCredentials(config, files, { run, now, interactive });
  const dialer = createDialer(config, files, now);
  const prefix = new URL(config.server).pathname.replace(/\/$/, "");
  const impersonate: Record<string, string[]> = {};
  for (const [name, value] of config.impersonate) (impersonate[name] ??= []).push(value);

  function outgoing({ method, path, accept, contentType, body }: ApiRequest, { bearer }: Credentials): Outgoing {
    const headers = {
      accept: accept ?? "application/json",
      "user-agent": userAgent,
      ...(paysToCompress(method, path) ? { "accept-encoding": "gzip" } : {}),
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...impersonate,
    };
    return { method, path: `${prefix}${path}`, headers, body: body ?? null };
  }

  async function send(request: ApiRequest, identity: Credentials, signal: AbortSignal): Promise<ApiResponse> {
    for (let attempt = 1; ; attempt++) {
      const transport = await orAborted(dialer.transportFor(identity.pair), signal);
      try {
        return decompressed(await transport.send(outgoing(request, identity), signal), dialer.describe);
      } catch (error) {
        // A server that goes away in an orderly way, or had closed what we kept: once more, on a fresh connection.
        if (!(error instanceof Unsent) || attempt > 1) throw error;
      }
    }
  }

  return {
    server: config.server,
    namespace: config.namespace,
    async request(request, signal) {
      try {
        signal.throwIfAborted();
        const identity = await orAborted(credentials.current(), signal);
        const response = await send(request, identity, signal);
        if (response.status !== 401 || !(await orAborted(credentials.renew(identity), signal))) return response;
        response.discard();
        return await send(request, await orAborted(credentials.current(), signal), signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw dialer.describe(error);
      }
    },
    close: () => dialer.close(),
  };
}
