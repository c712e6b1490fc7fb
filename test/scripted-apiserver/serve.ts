import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import { Broken } from "./api.ts";
import type { Answer, ScriptedApi } from "./api.ts";

export interface ServedApi {
  readonly port: number;
  /** Bytes of bodies that were written so far, by path without its query. */
  readonly bytes: ReadonlyMap<string, number>;
  close(): void;
}

/** Writes a body as fast as it is taken. A connection that is gone takes nothing. */
async function writeBody(answer: Answer, response: Http2ServerResponse, count: (bytes: number) => void): Promise<void> {
  response.writeHead(answer.status, answer.headers);
  try {
    for await (const bytes of answer.body) {
      count(bytes.length);
      if (response.stream.destroyed) return;
      if (!response.write(bytes)) await Promise.race([once(response, "drain"), once(response, "close")]);
    }
    response.end();
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    response.stream.destroy();
  } finally {
    answer.leave();
  }
}

/** Serves a scripted API over TLS, HTTP/2 and HTTP/1.1, on a port of the loopback. */
export async function serve(api: ScriptedApi, tls: { key: string; certificate: string }): Promise<ServedApi> {
  const bytes = new Map<string, number>();
  const handle = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const { accept } = request.headers;
    const [path = ""] = request.url.split("?");
    try {
      const answer = api.handle({ path: request.url, ...(accept === undefined ? {} : { accept }) });
      response.on("close", () => answer.leave());
      void writeBody(answer, response, (count) => bytes.set(path, (bytes.get(path) ?? 0) + count));
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      response.stream.destroy();
    }
  };
  const server: Http2SecureServer = createSecureServer(
    { key: tls.key, cert: tls.certificate, allowHTTP1: true },
    handle,
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, bytes, close: () => server.close() };
}
