import { connect, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, createSecureContext, getCACertificates } from "node:tls";
import type { ConnectionOptions, PeerCertificate, TLSSocket } from "node:tls";
import type { ClusterConfig } from "./config.ts";
import type { KeyPair, RotatedFiles } from "./credentials.ts";
import { tunnel } from "./tunnel.ts";

/** For a connection to be there, with proxy and TLS; a dead host is noticed, a slow one is waited for. */
const connectTimeLimit = 10_000;
/** TCP asks a silent peer after this time, then each second, ten times (libuv): a dead one is noticed in 20 s. */
export const keepAliveDelay = 10_000;

export type Protocol = "h2" | "http/1.1";

/** A connection that is ready for requests. */
export interface Dialed {
  readonly socket: Socket;
  readonly protocol: Protocol;
}

export interface DialOptions {
  readonly config: ClusterConfig;
  readonly files: RotatedFiles;
  readonly pair: KeyPair | null;
  /** What is offered, what is liked most first. */
  readonly protocols: readonly Protocol[];
}

/** Waits for an event of a socket; what goes wrong before rejects. */
function connected(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", settle).off("close", onClose).off(event, onReady);
      if (error === null) resolve();
      else {
        socket.on("error", () => {}).destroy();
        reject(error);
      }
    };
    const onReady = (): void => settle(null);
    const onClose = (): void => settle(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const onAbort = (): void => settle(signal.reason);
    socket.once("error", settle).once("close", onClose).once(event, onReady);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

async function dialTcp(url: URL, signal: AbortSignal): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (url.protocol === "http:" ? 80 : url.protocol.startsWith("socks") ? 1080 : 443));
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay });
  await connected(socket, "connect", signal);
  return socket;
}

/** From when to when the server's certificate is valid, in words; "" where it cannot be known. */
function validityOf(socket: TLSSocket): string {
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | null;
  const [from, to] = [Date.parse(certificate?.valid_from ?? ""), Date.parse(certificate?.valid_to ?? "")];
  if (Number.isNaN(from) || Number.isNaN(to)) return "";
  return ` (valid from ${new Date(from).toISOString()} to ${new Date(to).toISOString()})`;
}

async function dialTls(
  socket: Socket,
  name: string,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  // An address is compared with the certificate's addresses, and is not sent as a name.
  const target = isIP(name) === 0 ? { host: name, servername: name } : { host: name };
  const secure = connectTls({ ...options, ...target, socket, minVersion: "TLSv1.2", rejectUnauthorized: true });
  // After an alert of the server neither Node's TLS nor its HTTP/2 closes what is below them (24.21).
  secure.once("close", () => socket.destroy());
  secure.on("error", () => socket.destroy());
  let validity = "";
  // Before Node judges: once it has refused a certificate it shows it to nobody.
  secure.prependOnceListener("secure", () => {
    validity = validityOf(secure);
  });
  try {
    await connected(secure, "secureConnect", signal);
  } catch (error) {
    socket.destroy();
    throw error instanceof Error ? Object.assign(error, { validity }) : error;
  }
  return secure;
}

/** What the system trusts; in an image without certificates, what Node brings. */
function systemAuthorities(): string[] {
  const system = getCACertificates("system");
  return system.length > 0 ? system : getCACertificates("bundled");
}

/** The TCP connection to the server's host, through a proxy where there is one. */
async function reach(url: URL, proxy: string | null, signal: AbortSignal): Promise<Socket> {
  if (proxy === null) return dialTcp(url, signal);
  const proxyUrl = new URL(proxy);
  let socket = await dialTcp(proxyUrl, signal);
  if (proxyUrl.protocol === "https:") {
    socket = await dialTls(socket, proxyUrl.hostname.replace(/^\[|\]$/g, ""), { ca: systemAuthorities() }, signal);
  }
  await tunnel(socket, proxyUrl, url, signal);
  return socket;
}

/** Opens a connection. TLS is always verified. Rejects with the system's or TLS's error. */
export async function dial({ config, files, pair, protocols }: DialOptions, stop: AbortSignal): Promise<Dialed> {
  const url = new URL(config.server);
  const slow = Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(slow), connectTimeLimit);
  const signal = AbortSignal.any([stop, limit.signal]);
  try {
    const ca = config.authority === null ? systemAuthorities() : await files.pem(config.authority);
    const socket = await reach(url, config.proxy, signal);
    if (url.protocol === "http:") return { socket, protocol: "http/1.1" };
    const secureContext = createSecureContext({
      ca,
      ...(pair === null ? {} : { cert: pair.certificate, key: pair.key }),
    });
    const name = config.serverName ?? url.hostname.replace(/^\[|\]$/g, "");
    const secure = await dialTls(socket, name, { secureContext, ALPNProtocols: [...protocols] }, signal);
    return { socket: secure, protocol: secure.alpnProtocol === "h2" ? "h2" : "http/1.1" };
  } finally {
    clearTimeout(timer);
  }
}
