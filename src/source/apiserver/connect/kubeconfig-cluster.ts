import { readFileSync } from "node:fs";
import type { ClusterConfig, Environment, Pem } from "./config.ts";
import type { Fields } from "./fields.ts";
import { proxyFor, readProxy } from "./proxy.ts";

/** A cluster entry as read. */
export interface ClusterEntry {
  readonly connection: Pick<ClusterConfig, "server" | "authority" | "serverName" | "proxy">;
  /** What an exec plugin that asks for it is told. */
  readonly execCluster: Readonly<Record<string, unknown>>;
}

const certificateMark = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----/;

/**
 * PEM of `NAME-data`, which counts before the file of `NAME`. `mark` is what it must hold. A file is looked at now, so
 * that what is wrong with it is told with the rest, and again at each connection.
 */
export function readPem(fields: Fields, name: string, mark: RegExp): Pem | null {
  const what = "does not hold what it should in PEM";
  if (fields.has(`${name}-data`)) {
    const text = fields.data(`${name}-data`);
    if (text === null) return null;
    if (!mark.test(text)) fields.problem(`${name}-data`, what);
    return { kind: "inline", text };
  }
  const path = fields.path(name);
  if (path === null) return null;
  try {
    if (!mark.test(readFileSync(path, "utf8"))) fields.problem(name, `${path} ${what}`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    fields.problem(name, `${path} cannot be read (${code})`);
  }
  return { kind: "file", path };
}

export const certificatePem = certificateMark;

function readServer(fields: Fields): string | null {
  const text = fields.text("server");
  if (text === null) {
    fields.problem("server", "is missing");
    return null;
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["https:", "http:"].includes(url.protocol) || url.hostname === "") {
    fields.problem("server", "must be a URL that starts with https:// (or http://, as for kubectl proxy)");
    return null;
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    fields.problem("server", "must be a plain URL: no user, password, query or fragment");
    return null;
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** The exec plugin's own settings: the extension of this name, as client-go hands it over. */
function execSettings(fields: Fields): unknown {
  const extension = fields.list("extensions").find((one) => one.raw("name") === "client.authentication.k8s.io/exec");
  return extension?.raw("extension") ?? null;
}

/** Reads a cluster entry; problems are noted in the fields. */
export function readCluster(fields: Fields, environment: Environment): ClusterEntry {
  const server = readServer(fields);
  if (fields.flag("insecure-skip-tls-verify")) {
    fields.problem(
      "insecure-skip-tls-verify",
      "is refused: whoever stands in between could give us any policies. " +
        "Give certificate-authority-data, or tls-server-name where the certificate has another name",
    );
  }
  const authority = readPem(fields, "certificate-authority", certificateMark);
  const serverName = fields.text("tls-server-name");
  const proxyText = fields.text("proxy-url");
  const read =
    proxyText === null
      ? proxyFor(server ?? "https://unknown", environment)
      : readProxy(proxyText, `${fields.place}.proxy-url`);
  if (!read.ok) fields.problem("proxy-url", read.problem);
  const proxy = read.ok ? read.value : null;
  const settings = execSettings(fields);
  const execCluster = {
    server: server ?? "",
    ...(serverName === null ? {} : { "tls-server-name": serverName }),
    ...(authority === null ? {} : { "certificate-authority-data": authorityData(authority) }),
    ...(proxyText === null ? {} : { "proxy-url": proxyText }),
    ...(settings === null ? {} : { config: settings }),
  };
  return { connection: { server: server ?? "", authority, serverName, proxy }, execCluster };
}

function authorityData(pem: Pem): string {
  try {
    return Buffer.from(pem.kind === "inline" ? pem.text : readFileSync(pem.path)).toString("base64");
  } catch {
    // It was noted as a problem already.
    return "";
  }
}
