import { createSecureServer } from "node:http2";
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import { createServer as createHttp1Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Authority, Issued } from "./authority.ts";

export type Version = "h2" | "http/1.1";

/** A request that the server saw. */
export interface Seen {
  readonly path: string;
  readonly version: string;
  readonly authorization: string;
  /** The common name of the client's certificate. */
  readonly commonName: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly port: number;
}

export interface TestServer {
  readonly port: number;
  readonly seen: Seen[];
  readonly sessions: Set<ServerHttp2Session>;
  /** TCP connections that it took since it started. */
  connections(): number;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly identity: Issued;
  /** Client certificates of these are asked for. */
  readonly clients?: Authority;
  readonly version: Version;
  readonly answer: (seen: Seen, response: Http2ServerResponse, request: Http2ServerRequest) => void;
  readonly host?: string;
  readonly port?: number;
}

/** A TLS server on loopback whose answers the test writes. */
export async function startServer({
  identity,
  clients,
  version,
  answer,
  host,
  port,
}: ServerOptions): Promise<TestServer> {
  const seen: Seen[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let connections = 0;
  const onRequest = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const socket = request.socket as TLSSocket;
    const peer = socket.getPeerCertificate() as { subject?: { CN?: string } };
    const one: Seen = {
      path: request.url,
      version: request.httpVersion,
      authorization: request.headers.authorization ?? "",
      commonName: peer.subject?.CN ?? "",
      headers: request.headers,
      port: socket.remotePort ?? 0,
    };
    seen.push(one);
    response.on("error", () => {});
    answer(one, response, request);
  };
  const options = {
    cert: identity.certificate,
    key: identity.key,
    ...(clients === undefined ? {} : { ca: clients.certificate, requestCert: true, rejectUnauthorized: true }),
  };
  const server =
    version === "h2"
      ? createSecureServer({ ...options, allowHTTP1: true }, onRequest)
      : // The two kinds of requests have all in common that the tests use.
        createHttp1Server(options, onRequest as unknown as Parameters<typeof createHttp1Server>[1]);
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("error", () => {}).on("close", () => sessions.delete(session));
  });
  const sockets = new Set<TLSSocket>();
  server.on("connection", () => connections++);
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(port ?? 0, host ?? "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    sessions,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
