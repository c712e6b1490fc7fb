import { printable } from "../../../observe/printable.ts";
import { ApiUnreachable } from "../client.ts";
import type { CommandResult, ExecPlugin } from "./config.ts";
import type { CredentialParts, Credentials, CredentialSource } from "./credentials.ts";

/** A plugin that asks nobody has this long; one at a terminal waits for a person and a browser. */
const timeLimit = 60_000;
const interactiveTimeLimit = 600_000;
/** Credentials are renewed so many milliseconds before they expire, so that none expires on its way. */
const margin = 10_000;

interface Given extends Credentials {
  /** Milliseconds since the epoch; null: until the server refuses them. */
  readonly expires: number | null;
}

type Read = { readonly given: Given } | { readonly problem: string };

const textOf = (object: Readonly<Record<string, unknown>>, field: string): string | null => {
  const value = object[field];
  return typeof value === "string" && value !== "" ? value : null;
};

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads what a plugin wrote. The problem never quotes it: it holds credentials. */
function readCredential(text: string, apiVersion: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "wrote no JSON on stdout" };
  }
  if (!isMap(value) || value["kind"] !== "ExecCredential") return { problem: "wrote no ExecCredential" };
  if (value["apiVersion"] !== apiVersion) {
    return { problem: `answered in another version than ${apiVersion}, which the kubeconfig names` };
  }
  const status = value["status"];
  if (!isMap(status)) return { problem: "gave no status" };
  const bearer = textOf(status, "token");
  const certificate = textOf(status, "clientCertificateData");
  const key = textOf(status, "clientKeyData");
  if ((certificate === null) !== (key === null)) return { problem: "gave a client certificate or a key, not both" };
  const pair = certificate === null || key === null ? null : { certificate, key };
  if (bearer === null && pair === null) return { problem: "gave neither a token nor a client certificate" };
  const stamp = textOf(status, "expirationTimestamp");
  const expires = stamp === null ? null : Date.parse(stamp);
  if (Number.isNaN(expires)) return { problem: "gave an expirationTimestamp that is no time" };
  return { given: { bearer, pair, expires } };
}

function failureOf(plugin: ExecPlugin, result: CommandResult, limit: number): string | null {
  if (result.absent) return `there is no such program. ${plugin.installHint}`.trim();
  if (result.code === 0) return null;
  const words = result.stderr.trim() === "" ? "" : `: ${result.stderr.trim().slice(-400)}`;
  return result.code === null
    ? `was ended, or took longer than ${limit / 1000} s${words}`
    : `exit ${result.code}${words}`;
}

/** Credentials of a program: asked once, and again when they expire or the server refuses them. */
export function createExecCredentials(plugin: ExecPlugin, parts: CredentialParts): CredentialSource {
  let held: Given | null = null;
  let asking: Promise<Given> | null = null;
  const interactive = parts.interactive && plugin.interactiveMode !== "Never";

  const fail = (problem: string): never => {
    throw new ApiUnreachable(`no credentials: ${printable(`${plugin.command}: ${problem}`, 700)}`);
  };

  async function ask(): Promise<Given> {
    if (plugin.interactiveMode === "Always" && !interactive) return fail("needs a terminal (interactiveMode: Always)");
    const { apiVersion, cluster, command, args } = plugin;
    const spec = cluster === null ? { interactive } : { interactive, cluster };
    const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
    const environment = { ...plugin.environment, KUBERNETES_EXEC_INFO: info };
    const limit = interactive ? interactiveTimeLimit : timeLimit;
    const result = await parts.run(command, args, { environment, interactive, timeLimit: limit });
    const failure = failureOf(plugin, result, limit);
    if (failure !== null) return fail(failure);
    const read = readCredential(result.stdout, apiVersion);
    if ("problem" in read) return fail(read.problem);
    held = read.given;
    return read.given;
  }

  /** One question at a time, whoever wants to know. */
  function askOnce(): Promise<Given> {
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  }

  return {
    current: async () => {
      const isFresh = held !== null && (held.expires === null || held.expires - margin > parts.now());
      return isFresh && held !== null ? held : askOnce();
    },
    renew: async (refused) => {
      // Somebody else may have asked since.
      const { bearer, pair } = held ?? refused;
      const isHeld = bearer === refused.bearer && (pair === null || pair.certificate === refused.pair?.certificate);
      if (isHeld) await askOnce();
      return true;
    },
  };
}
