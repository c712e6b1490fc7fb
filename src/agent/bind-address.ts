import type { Read } from "./setting-values.ts";
import { printable } from "../observe/printable.ts";

export interface UnixAddress {
  readonly kind: "unix";
  readonly path: string;
}

/** Where the HTTP server listens. `host` null: every address of both families. */
export type BindAddress = { readonly kind: "tcp"; readonly host: string | null; readonly port: number } | UnixAddress;

/** What fits into the kernel's sockaddr_un with its final zero. */
const longestSocketPath = 107;

function readUnix(path: string): Read<UnixAddress> {
  if (path === "" || path.includes("\0")) return { ok: false, reason: `"unix:" needs the path of a socket` };
  if (Buffer.byteLength(path) > longestSocketPath) {
    return {
      ok: false,
      reason: `"unix:${printable(path, 40)}" is longer than the ${longestSocketPath} bytes that a socket's path may have`,
    };
  }
  return { ok: true, value: { kind: "unix", path } };
}

/** The path of a socket; empty: none. */
export function readSocketPath(text: string): Read<{ readonly address: UnixAddress | null }> {
  if (text === "") return { ok: true, value: { address: null } };
  const read = readUnix(text);
  return read.ok ? { ok: true, value: { address: read.value } } : read;
}

/** `:PORT`, `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. Port 0 takes a free one. */
export function readBindAddress(text: string): Read<BindAddress> {
  if (text.startsWith("unix:")) return readUnix(text.slice("unix:".length));
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65_535) {
    return {
      ok: false,
      reason: `"${printable(text, 100)}" is not an address to listen on such as :9080, 127.0.0.1:9080 or unix:/run/portcullis.sock`,
    };
  }
  const host = parts[1] ?? parts[2] ?? "";
  return { ok: true, value: { kind: "tcp", host: host === "" ? null : host, port } };
}

/** As `readBindAddress` reads it. */
export function formatBindAddress(address: BindAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const host = address.host ?? "";
  return `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
