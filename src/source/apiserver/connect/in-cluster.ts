import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import type { ConfigRead, Environment } from "./config.ts";
import { proxyFor } from "./proxy.ts";

/** Where kubelet mounts the service account of a pod. */
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The namespace of the pod; `default` where it is not told. */
function namespaceIn(folder: string): string {
  try {
    return readFileSync(join(folder, "namespace"), "utf8").trim() || "default";
  } catch {
    return "default";
  }
}

/** Whether this process runs in a pod that has a service account. */
export function isInCluster(environment: Environment, folder = serviceAccountFolder): boolean {
  if ((environment["KUBERNETES_SERVICE_HOST"] ?? "") === "") return false;
  try {
    readFileSync(join(folder, "token"));
    return true;
  } catch {
    return false;
  }
}

/** The API server as a pod reaches it, with the pod's service account. Token and CA are read again as they rotate. */
export function inCluster(environment: Environment, folder = serviceAccountFolder): ConfigRead {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "";
  const problems: string[] = [];
  if (host === "") problems.push("KUBERNETES_SERVICE_HOST is not set: this is no pod of a cluster");
  if (!/^[0-9]{1,5}$/.test(port)) problems.push("KUBERNETES_SERVICE_PORT is not a port number");
  for (const name of ["token", "ca.crt"]) {
    try {
      readFileSync(join(folder, name));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
      const remedy = "the pod needs a service account whose token is mounted (automountServiceAccountToken)";
      problems.push(`${join(folder, name)}: ${code}: ${remedy}`);
    }
  }
  const server = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (problems.length === 0 && !URL.canParse(server)) problems.push("KUBERNETES_SERVICE_HOST is not a host");
  if (problems.length > 0) return { ok: false, problems };
  const proxy = proxyFor(server, environment);
  if (!proxy.ok) return { ok: false, problems: [proxy.problem] };
  return {
    ok: true,
    config: {
      from: "the service account of this pod",
      server,
      namespace: namespaceIn(folder),
      authority: { kind: "file", path: join(folder, "ca.crt") },
      serverName: null,
      proxy: proxy.value,
      certificate: null,
      token: { kind: "file", path: join(folder, "token"), fallback: null },
      impersonate: [],
    },
  };
}
