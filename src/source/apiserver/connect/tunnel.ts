import type { Socket } from "node:net";
import { isIP } from "node:net";
import { ApiUnreachable } from "../client.ts";

/** A proxy that says more than this before the tunnel stands is none. */
const mostReply = 1 << 14;

/** Reads from the socket until `sizeOf` knows how long the answer is, and not a byte more. */
function readReply(socket: Socket, sizeOf: (bytes: Buffer) => number | null, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = (error: Error | null): void => {
      socket.off("data", onData).off("error", settle).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      socket.pause();
      if (error === null) resolve(bytes);
      else {
        socket.on("error", () => {}).destroy();
        reject(error);
      }
    };
    const onClose = (): void => settle(new ApiUnreachable("the proxy closed the connection"));
    const onAbort = (): void => settle(signal.reason as Error);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const size = sizeOf(bytes);
      if (size === null) {
        if (bytes.length > mostReply) settle(new ApiUnreachable("the proxy's answer has no end"));
        return;
      }
      if (bytes.length < size) return;
      // Neither TLS nor HTTP lets the server speak first, but what came belongs to it.
      if (bytes.length > size) socket.unshift(bytes.subarray(size));
      bytes = bytes.subarray(0, size);
      settle(null);
    };
    socket.on("data", onData).once("error", settle).once("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    socket.resume();
  });
}

const decoded = (url: URL): { readonly user: string; readonly password: string } => ({
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
});

const portOf = (url: URL): number => Number(url.port || (url.protocol === "http:" ? 80 : 443));

async function connectByHttp(socket: Socket, proxy: URL, server: URL, signal: AbortSignal): Promise<void> {
  const target = `${server.hostname}:${portOf(server)}`;
  const { user, password } = decoded(proxy);
  const basic = Buffer.from(`${user}:${password}`).toString("base64");
  const authorization = user === "" && password === "" ? "" : `Proxy-Authorization: Basic ${basic}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  const sizeOf = (bytes: Buffer): number | null => {
    const end = bytes.indexOf("\r\n\r\n");
    return end < 0 ? null : end + 4;
  };
  const reply = (await readReply(socket, sizeOf, signal)).toString("latin1");
  const status = /^HTTP\/1\.[01] ([0-9]{3})/.exec(reply)?.[1];
  if (status?.startsWith("2") === true) return;
  socket.destroy();
  const remedy =
    status === "407" ? "it wants a user and a password in the proxy's URL" : "it refuses to reach the server";
  throw new ApiUnreachable(`the proxy ${proxy.host} answers ${status ?? "no HTTP"} to CONNECT ${target}: ${remedy}`);
}

/** What RFC 1928 lets a proxy answer. */
const socksFailures: Readonly<Record<number, string>> = {
  2: "not allowed by its rules",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused",
};

function socksAddress(host: string): Buffer {
  const version = isIP(host);
  if (version === 4) return Buffer.from([1, ...host.split(".").map(Number)]);
  // An IPv6 address goes as the name it is written as: every proxy that resolves names reads it.
  const name = Buffer.from(host);
  return Buffer.concat([Buffer.from([3, name.length]), name]);
}

/** SOCKS5 (RFC 1928), names resolved by the proxy; user and password (RFC 1929) where the URL has them. */
async function connectBySocks(socket: Socket, proxy: URL, server: URL, signal: AbortSignal): Promise<void> {
  const fail = (text: string): never => {
    socket.destroy();
    throw new ApiUnreachable(`the proxy ${proxy.host} (SOCKS5) cannot be used: ${text}`);
  };
  const { user, password } = decoded(proxy);
  socket.write(Buffer.from(user === "" ? [5, 1, 0] : [5, 2, 0, 2]));
  const [version, method] = await readReply(socket, () => 2, signal);
  if (version !== 5) fail("it speaks another protocol");
  if (method === 2 && user !== "") {
    const parts = [user, password].flatMap((text) => [Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
    socket.write(Buffer.concat([Buffer.from([1]), ...parts]));
    const [, refused] = await readReply(socket, () => 2, signal);
    if (refused !== 0) fail("it refuses user and password");
  } else if (method !== 0) fail("it wants a user and a password in the proxy's URL");
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const port = portOf(server);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), socksAddress(host), Buffer.from([port >> 8, port & 255])]));
  const sizeOf = (bytes: Buffer): number | null => {
    const length = bytes[4];
    if (length === undefined) return null;
    return bytes[3] === 1 ? 10 : bytes[3] === 4 ? 22 : 7 + length;
  };
  const [, code = 1] = await readReply(socket, sizeOf, signal);
  if (code !== 0) fail(`${host}:${port}: ${socksFailures[code] ?? `failure ${code}`}`);
}

/** Makes a proxy pass on to the server what is written from now on. Rejects, and ends the socket, where it does not. */
export function tunnel(socket: Socket, proxy: URL, server: URL, signal: AbortSignal): Promise<void> {
  const isSocks = proxy.protocol.startsWith("socks");
  return isSocks ? connectBySocks(socket, proxy, server, signal) : connectByHttp(socket, proxy, server, signal);
}
