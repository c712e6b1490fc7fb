import { readFileSync } from "node:fs";
import type { ClusterConfig, ExecPlugin, TokenSource } from "./config.ts";
import type { Fields } from "./fields.ts";
import type { ClusterEntry } from "./kubeconfig-cluster.ts";
import { certificatePem, readPem } from "./kubeconfig-cluster.ts";

type User = Pick<ClusterConfig, "certificate" | "token" | "impersonate">;

const nobody: User = { certificate: null, token: { kind: "none" }, impersonate: [] };

const keyPem = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
const execVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
const interactiveModes = ["Never", "IfAvailable", "Always"] as const;

function readExec(fields: Fields, cluster: ClusterEntry): ExecPlugin {
  const apiVersion = fields.text("apiVersion") ?? "";
  if (!execVersions.includes(apiVersion)) {
    fields.problem("apiVersion", `must be ${execVersions.join(" or ")}; is the plugin's kubeconfig entry too old?`);
  }
  const text = fields.text("command");
  if (text === null) fields.problem("command", "is missing");
  // A bare name is looked up in PATH; one with a slash counts from the folder of the kubeconfig.
  const command = text?.includes("/") === true ? fields.path("command") : text;
  const environment: Record<string, string> = {};
  for (const entry of fields.list("env")) {
    const name = entry.text("name");
    if (name !== null) environment[name] = entry.text("value") ?? "";
  }
  const written = fields.text("interactiveMode");
  const mode = interactiveModes.find((one) => one === (written ?? "IfAvailable"));
  if (mode === undefined) fields.problem("interactiveMode", `must be one of ${interactiveModes.join(", ")}`);
  return {
    apiVersion,
    command: command ?? "",
    args: fields.texts("args"),
    environment,
    installHint: fields.text("installHint") ?? "",
    interactiveMode: mode ?? "Never",
    cluster: fields.flag("provideClusterInfo") ? cluster.execCluster : null,
  };
}

function readToken(fields: Fields, cluster: ClusterEntry): TokenSource {
  const token = fields.text("token");
  const path = fields.path("tokenFile");
  const exec = fields.map("exec");
  if (path !== null) {
    if (exec !== null) fields.problem("exec", "cannot stand beside tokenFile");
    if (token === null) checkReadable(fields, path);
    return { kind: "file", path, fallback: token };
  }
  // kubectl asks the plugin only where there is no token.
  if (token !== null) return { kind: "token", token };
  return exec === null ? { kind: "none" } : { kind: "exec", plugin: readExec(exec, cluster) };
}

function checkReadable(fields: Fields, path: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    fields.problem("tokenFile", `${path} cannot be read (${code})`);
  }
}

function readImpersonation(fields: Fields): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  const user = fields.text("as");
  const uid = fields.text("as-uid");
  const extra = fields.map("as-user-extra");
  if (user !== null) headers.push(["impersonate-user", user]);
  if (uid !== null) headers.push(["impersonate-uid", uid]);
  for (const group of fields.texts("as-groups")) headers.push(["impersonate-group", group]);
  for (const key of extra?.keys() ?? []) {
    for (const value of extra?.texts(key) ?? []) {
      headers.push([`impersonate-extra-${encodeURIComponent(key).toLowerCase()}`, value]);
    }
  }
  if (user === null && headers.length > 0) fields.problem("as", "is missing where the other as-… fields are given");
  return headers;
}

function refuse(fields: Fields): void {
  if (fields.has("auth-provider")) {
    fields.problem(
      "auth-provider",
      "is refused: kubectl has dropped these providers too; use an exec plugin (kubelogin, gke-gcloud-auth-plugin, …)",
    );
  }
  if (fields.has("username") || fields.has("password")) {
    fields.problem("username", "is refused: Kubernetes has dropped passwords (1.19); use a token or a certificate");
  }
}

/** Reads a user entry; null is a context without a user. On plain http no credentials are sent, as with kubectl. */
export function readUser(fields: Fields | null, cluster: ClusterEntry): User {
  if (fields === null || cluster.connection.server.startsWith("http:")) return nobody;
  refuse(fields);
  const certificate = readPem(fields, "client-certificate", certificatePem);
  const key = readPem(fields, "client-key", keyPem);
  if (certificate !== null && key === null) fields.problem("client-key", "is missing beside client-certificate");
  if (certificate === null && key !== null) fields.problem("client-certificate", "is missing beside client-key");
  return {
    certificate: certificate === null || key === null ? null : { certificate, key },
    token: readToken(fields, cluster),
    impersonate: readImpersonation(fields),
  };
}
