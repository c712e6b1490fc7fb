import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files that a cluster's API server shows, checks and signs with. */
export interface Credentials {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly serviceAccountKey: string;
  readonly tokens: string;
}

/** Who may do everything, and is never held back. */
export const adminToken = "token-of-the-administrator";

/** Who is of the group `agents`, and may do what a test lets that group do. */
export const agentToken = "token-of-an-agent";

/** The API server is reached under all of these, so that a test can cut the way of one agent alone. */
export const serverAddresses: readonly string[] = Array.from({ length: 32 }, (_, index) => `127.0.0.${index + 1}`);

function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("openssl", [...args], { encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ""}: ${stderr}`);
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];

/** Makes an authority, and what one API server needs, in the folder. */
export function makeCredentials(folder: string): Credentials {
  const at = (name: string): string => join(folder, name);
  openssl("req", "-x509", ...curve, "-subj", "/CN=authority", "-keyout", at("ca.key"), "-out", at("ca.crt"));
  const names = serverAddresses.map((address) => `IP:${address}`).join(",");
  const signed = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-addext", `subjectAltName=${names}`];
  const files = ["-keyout", at("server.key"), "-out", at("server.crt")];
  openssl("req", "-x509", ...curve, ...signed, "-subj", "/CN=kube-apiserver", ...files);
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at("accounts.key"));
  writeFileSync(at("tokens.csv"), `${adminToken},admin,admin,"system:masters"\n${agentToken},agent,agent,"agents"\n`, {
    mode: 0o600,
  });
  return {
    authority: at("ca.crt"),
    certificate: at("server.crt"),
    key: at("server.key"),
    serviceAccountKey: at("accounts.key"),
    tokens: at("tokens.csv"),
  };
}
