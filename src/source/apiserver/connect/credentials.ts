import { readFile } from "node:fs/promises";
import { ApiUnreachable } from "../client.ts";
import type { ClusterConfig, Pem, RunCommand } from "./config.ts";
import { createExecCredentials } from "./exec-plugin.ts";

/** A client certificate with its key, in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Who we are, for one request. Nothing of it may be printed. */
export interface Credentials {
  readonly bearer: string | null;
  readonly pair: KeyPair | null;
}

/** Credentials that change while the program runs. */
export interface CredentialSource {
  /** Those of now. Rejects with `ApiUnreachable` where there are none to be had. */
  current(): Promise<Credentials>;
  /** The server refused these: whether there are others now. */
  renew(refused: Credentials): Promise<boolean>;
}

export interface CredentialParts {
  readonly run: RunCommand;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** An exec plugin may ask the person at the terminal. */
  readonly interactive: boolean;
}

/** Reads PEM and token files; while one is being replaced and not there, what was read last stands. */
export class RotatedFiles {
  private readonly lastRead = new Map<string, string>();

  async read(path: string, fallback: string | null): Promise<string> {
    try {
      const text = await readFile(path, "utf8");
      if (text.trim() === "") throw new Error("it is empty");
      this.lastRead.set(path, text);
      return text;
    } catch (error) {
      const last = this.lastRead.get(path) ?? fallback;
      if (last !== null) return last;
      const code = error instanceof Error && "code" in error ? String(error.code) : "it is empty";
      throw new ApiUnreachable(`${path} cannot be read: ${code}`);
    }
  }

  async pem(pem: Pem): Promise<string> {
    return pem.kind === "inline" ? pem.text : this.read(pem.path, null);
  }
}

/** Credentials of a configuration, read again or asked for again as they change. */
export function createCredentials(
  config: ClusterConfig,
  files: RotatedFiles,
  parts: CredentialParts,
): CredentialSource {
  const { certificate, token } = config;
  const pair = async (): Promise<KeyPair | null> =>
    certificate === null
      ? null
      : { certificate: await files.pem(certificate.certificate), key: await files.pem(certificate.key) };
  if (token.kind === "exec") {
    const plugin = createExecCredentials(token.plugin, parts);
    return {
      current: async () => {
        const given = await plugin.current();
        return { bearer: given.bearer, pair: given.pair ?? (await pair()) };
      },
      renew: (refused) => plugin.renew(refused),
    };
  }
  const bearer = async (): Promise<string | null> => {
    if (token.kind === "none") return null;
    return (token.kind === "token" ? token.token : await files.read(token.path, token.fallback)).trim();
  };
  const current = async (): Promise<Credentials> => ({ bearer: await bearer(), pair: await pair() });
  const renew = async (refused: Credentials): Promise<boolean> => {
    const now = await current();
    return now.bearer !== refused.bearer || now.pair?.certificate !== refused.pair?.certificate;
  };
  return { current, renew };
}
