import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { chmod, lstat, unlink } from "node:fs/promises";
import { type Socket, connect } from "node:net";
import { type BindAddress, formatBindAddress } from "./bind-address.ts";

/** Answers one path. It gets GET and HEAD requests only; what it throws ends the connection. */
export type Route = (query: URLSearchParams, response: ServerResponse) => void | Promise<void>;

/** By path, in the order in which a wrong path is told of them. */
export type Routes = Readonly<Record<string, Route>>;

export interface RunningServer {
  /** Where it listens, with the port that the kernel chose. */
  readonly address: string;
  close(): Promise<void>;
}

/** Slow or silent peers are cut after this long; nobody can hold all connections for longer. */
const patience = 5000;
const mostConnections = 64;
/** Beside those, of this node: whatever others do, the kubelet gets the answer by which it lets the agent live. */
const mostConnectionsOfNode = 16;
/** Of one address, so that one peer cannot take all of them. */
const mostConnectionsOfOne = 16;

/** Sends all of an answer; to a HEAD request without its body. Who takes it byte by byte is cut. */
export function send(response: ServerResponse, status: number, type: string, body: string): void {
  const late = setTimeout(() => response.destroy(), 2 * patience).unref();
  response.once("close", () => clearTimeout(late));
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/**
 * Begins an answer that has no end of its own: its peer may wait for the next part for as long as it likes. Who writes
 * it must drop what a slow reader does not take (`writableNeedDrain`), and limit how many there are.
 */
export function beginStream(response: ServerResponse, type: string): void {
  response.socket?.setTimeout(0);
  response.writeHead(200, { "content-type": type });
  response.flushHeaders();
}

export const plainText = "text/plain; charset=utf-8";

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return send(response, 405, plainText, "only GET and HEAD\n");
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return send(response, 404, plainText, `there is ${Object.keys(routes).join(", ")}\n`);
  await route(new URLSearchParams(query), response);
}

/**
 * Cuts what is beyond the share of one peer, and of all peers that are not on this node. Peers on a unix socket have no
 * address and share all of it.
 */
function limitPerPeer(server: Server): void {
  const open = new Map<string, number>();
  let strangers = 0;
  server.on("connection", (socket: Socket) => {
    const { remoteAddress: peer, localAddress } = socket;
    if (peer === undefined) return;
    const count = (open.get(peer) ?? 0) + 1;
    const isStranger = peer !== localAddress;
    if (count > mostConnectionsOfOne || (isStranger && strangers >= mostConnections)) {
      socket.destroy();
      return;
    }
    open.set(peer, count);
    strangers += Number(isStranger);
    socket.once("close", () => {
      strangers -= Number(isStranger);
      const left = (open.get(peer) ?? 1) - 1;
      if (left > 0) open.set(peer, left);
      else open.delete(peer);
    });
  });
}

function createHttpServer(routes: Routes): Server {
  const limits = {
    headersTimeout: patience,
    requestTimeout: patience,
    keepAliveTimeout: patience,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 8192,
  };
  const server = createServer(limits, (request, response) => {
    request.resume();
    answer(routes, request, response).catch(() => response.destroy());
  });
  server.maxConnections = mostConnections + mostConnectionsOfNode;
  // Requests are bounded above; this one ends peers that do not read the answer.
  server.setTimeout(2 * patience);
  server.on("clientError", (_error, socket) => socket.destroy());
  limitPerPeer(server);
  return server;
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

function listen(server: Server, address: BindAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const ready = () => {
      server.off("error", reject);
      resolve();
    };
    if (address.kind === "tcp")
      server.listen({ port: address.port, ...(address.host === null ? {} : { host: address.host }) }, ready);
    else {
      // Nobody else may connect in the moment before the mode is set.
      const mask = process.umask(0o177);
      server.listen(address.path, ready);
      process.umask(mask);
    }
  });
}

/** True if the socket's file is there and nobody listens on it any more. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

async function listenOnPath(server: Server, address: BindAddress & { kind: "unix" }): Promise<void> {
  try {
    await listen(server, address);
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    const isSocket = (await lstat(address.path)).isSocket();
    if (!isSocket || !(await isStale(address.path))) throw error;
    await unlink(address.path);
    await listen(server, address);
  }
  await chmod(address.path, 0o660);
}

/** Starts to answer. Rejects with Node's error if the address cannot be had. */
export async function startServer(address: BindAddress, routes: Routes): Promise<RunningServer> {
  const server = createHttpServer(routes);
  if (address.kind === "unix") await listenOnPath(server, address);
  else await listen(server, address);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return {
    address: formatBindAddress(address.kind === "tcp" ? { ...address, port } : address),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
