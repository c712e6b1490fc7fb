/** PEM text that stands in the configuration, or in a file that is read again whenever a connection is opened. */
export type Pem = { readonly kind: "inline"; readonly text: string } | { readonly kind: "file"; readonly path: string };

/** A program that gives credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly installHint: string;
  readonly interactiveMode: "Never" | "IfAvailable" | "Always";
  /** What it is told about the cluster in KUBERNETES_EXEC_INFO; null: it did not ask. */
  readonly cluster: Readonly<Record<string, unknown>> | null;
}

/** Where the bearer token comes from. */
export type TokenSource =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: string }
  /** Read again for each request, since it rotates; `fallback` until it could be read. */
  | { readonly kind: "file"; readonly path: string; readonly fallback: string | null }
  /** It may give a client certificate too. */
  | { readonly kind: "exec"; readonly plugin: ExecPlugin };

/** How to reach one API server, and as whom. Everything in it was checked. */
export interface ClusterConfig {
  /** What it was read from, for messages. */
  readonly from: string;
  /** `https://host:port` and perhaps a path; no credentials, no slash at the end. */
  readonly server: string;
  readonly namespace: string;
  /** The certificates that the server's must come from; null: those that the system trusts. */
  readonly authority: Pem | null;
  /** The name that the server's certificate must hold; null: the host of the URL. */
  readonly serverName: string | null;
  /** URL of a proxy, perhaps with credentials; null: none. */
  readonly proxy: string | null;
  readonly certificate: { readonly certificate: Pem; readonly key: Pem } | null;
  readonly token: TokenSource;
  /** `impersonate-…` headers. */
  readonly impersonate: readonly (readonly [string, string])[];
}

/** What reading a configuration gives: all that is wrong, or the configuration. Problems hold no credentials. */
export type ConfigRead =
  | { readonly ok: true; readonly config: ClusterConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What a program that we ran said. */
export interface CommandResult {
  /** The exit code; null: killed, or never started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** There is no such program. */
  readonly absent: boolean;
}

export interface CommandOptions {
  /** Added to our own. */
  readonly environment: Readonly<Record<string, string>>;
  /** It may ask the person at the terminal. */
  readonly interactive: boolean;
  /** Milliseconds after which it is killed. */
  readonly timeLimit: number;
}

/** Runs a program to its end; never rejects. Given by whoever may start programs. */
export type RunCommand = (program: string, args: readonly string[], options: CommandOptions) => Promise<CommandResult>;

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;
