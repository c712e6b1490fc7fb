import { BlockList, isIP } from "node:net";
import type { Environment } from "./config.ts";

export type ProxyRead =
  | { readonly ok: true; readonly value: string | null }
  | { readonly ok: false; readonly problem: string };

const schemes = new Set(["http:", "https:", "socks5:", "socks5h:"]);

/** Reads the URL of a proxy. `place` is what the problem is said of; the URL itself may hold a password. */
export function readProxy(text: string, place: string): ProxyRead {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !schemes.has(url.protocol) || url.hostname === "") {
    return { ok: false, problem: `${place}: must be a URL that starts with http://, https:// or socks5://` };
  }
  return { ok: true, value: text };
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, "");

/** 127.0.0.0/8, ::1 and localhost are never reached through a proxy of the environment, as with kubectl. */
function isLoopback(host: string): boolean {
  return host === "localhost" || (isIP(host) === 4 && host.startsWith("127.")) || host === "::1";
}

function blockHolds(block: string, host: string): boolean {
  const [base = "", length = ""] = block.split("/");
  const version = isIP(base);
  if (version === 0 || isIP(host) !== version || !/^[0-9]{1,3}$/.test(length)) return false;
  if (Number(length) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(base, Number(length), family);
  return list.check(host, family);
}

/** One entry of NO_PROXY: `*`, an address, a block, a domain with those below it, `.domain` for those below; `:port`. */
function entryHolds(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return blockHolds(entry, host);
  const parts = isIP(entry) === 6 ? null : /^(.*):([0-9]+)$/.exec(entry);
  if (parts !== null && parts[2] !== port) return false;
  const name = bare(parts?.[1] ?? entry);
  if (name === "") return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host;
  const domain = name.replace(/^\*(?=\.)/, "");
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

/** The proxy that HTTPS_PROXY (HTTP_PROXY for plain http) and NO_PROXY name for this server; null: none. */
export function proxyFor(server: string, environment: Environment): ProxyRead {
  const url = new URL(server);
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const of = (variable: string): string => environment[variable] || environment[variable.toLowerCase()] || "";
  const text = of(name);
  const host = bare(url.hostname).toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (text === "" || isLoopback(host)) return { ok: true, value: null };
  const entries = of("NO_PROXY")
    .split(",")
    .map((entry) => entry.trim().toLowerCase());
  if (entries.some((entry) => entryHolds(entry, host, port))) return { ok: true, value: null };
  // `proxy:3128` without a scheme is what people write here, and http is what it has always meant.
  return readProxy(text.includes("://") ? text : `http://${text}`, name);
}
