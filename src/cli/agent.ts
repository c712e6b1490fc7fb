import { readFileSync, statSync } from "node:fs";
import type { Command } from "commander";
import {
  type AgentSettings,
  type SettingName,
  type WrittenSettings,
  defaultSettings,
  readSettings,
  settingNames,
} from "../agent/settings.ts";
import { InputError, UsageError } from "./exit.ts";

/** How commander hands the flags over; a switch is true. */
type Flags = Readonly<Record<string, readonly string[] | string | true | undefined>> & { readonly config?: string };

const camelCase = (name: string): string =>
  name.replaceAll(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());

function writtenFlags(flags: Flags): WrittenSettings {
  const written = new Map<SettingName, { readonly texts: readonly string[]; readonly place: string }>();
  for (const name of settingNames) {
    const value = flags[camelCase(name)];
    if (value === undefined) continue;
    const texts = typeof value === "object" ? value : [String(value)];
    written.set(name, { texts, place: `--${name}` });
  }
  return written;
}

/** Configuration files are a few lines; nobody's log file is read into memory by mistake. */
const largestConfig = 1 << 20;

async function readConfigFile(path: string): Promise<WrittenSettings> {
  let text: string;
  try {
    if (statSync(path).size > largestConfig) throw new Error(`${path} is larger than 1 MiB`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new InputError(`--config: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { readConfig } = await import("../agent/config-file.ts");
  const read = readConfig(text, path);
  if (!read.ok) throw new UsageError(read.problems.join("\n"));
  return read.written;
}

/** Flags win over the file, the file over the environment. */
async function settingsOf(flags: Flags, dataplanes: readonly string[]): Promise<AgentSettings> {
  const name = process.env["NODE_NAME"];
  const environment: WrittenSettings =
    name === undefined || name === "" ? new Map() : new Map([["node-name", { texts: [name], place: "NODE_NAME" }]]);
  const file = flags.config === undefined ? new Map() : await readConfigFile(flags.config);
  const read = readSettings(new Map([...environment, ...file, ...writtenFlags(flags)]), dataplanes);
  if (!read.ok) throw new UsageError(read.problems.join("\n"));
  return read.settings;
}

function requireFolder(folder: string): void {
  try {
    if (statSync(folder).isDirectory()) return;
  } catch (error) {
    throw new InputError(`-f: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new InputError(`-f: ${folder} is not a folder`);
}

/** What is running at a signal may take so long; then the agent ends anyway (the rules are in force either way). */
const stopPatience = 10_000;

function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
    setTimeout(() => process.exit(1), stopPatience).unref();
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
  return stop.signal;
}

async function run(flags: Flags): Promise<void> {
  const { dataplaneNames } = await import("../dataplane/registry.ts");
  const settings = await settingsOf(flags, dataplaneNames);
  if (settings.folder !== null) requireFolder(settings.folder);
  const stop = stopOnSignals();
  const { startAgent } = await import("../agent/start.ts");
  try {
    await startAgent(settings, stop);
  } catch (error) {
    throw new InputError(`agent: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `portcullis agent`: the daemon of one node. */
export function registerAgent(program: Command): void {
  const shown = (name: keyof typeof defaultSettings, text: string) => `${text} (default ${defaultSettings[name]})`;
  program
    .command("agent")
    .description("enforce the policies of this node's pods in its kernel, and keep them enforced")
    .option("--node-name <name>", "the node whose pods are protected (default: NODE_NAME in the environment)")
    .option("-f, --filename <dir>", "follow this folder of manifests instead of a cluster", collect)
    .option(
      "--kubeconfig <file>",
      "how to reach the cluster (default: the pod's service account, else as kubectl does)",
    )
    .option("--context <name>", "context of the kubeconfig (default: its current one)")
    .option(
      "--policy-kinds <kinds>",
      "read only these kinds of policies, e.g. NetworkPolicy,AdminNetworkPolicy",
      collect,
    )
    .option(
      "--feature-gates <gates>",
      "experimental fields to read or not, e.g. NodePeers=false (default: all)",
      collect,
    )
    .option("--config <file>", "YAML file with the names of these flags as keys; flags win")
    .option("--dataplane <name>", shown("dataplane", "how the kernel is programmed"))
    .option("--netns <name>", "program the kernel of this network namespace: a name, or a path to it")
    .option("--dry-run", "log what would be done, touch nothing")
    .option("--pod-cidr <block>", "pod range of this node, repeatable (default: the Node's podCIDRs)", collect)
    .option(
      "--unknown-pods <what>",
      shown("unknown-pods", "drop or accept addresses of the pod range that no known pod has"),
    )
    .option("--established <what>", shown("established", "cut or keep open connections that a change denies"))
    .option("--default-verdict <verdict>", shown("default-verdict", "accept or deny what no policy decides"))
    .option("--exempt-namespace <name>", "no policy isolates the pods of this namespace, repeatable", collect)
    .option("--sync-period <duration>", shown("sync-period", "time between checks of what is in the kernel"))
    .option("--ct-mark-mask <hex>", shown("ct-mark-mask", "bits of the connection mark that are Portcullis'"))
    .option("--audit", "no policy counts, all are in audit")
    .option(
      "--metrics-bind-address <address>",
      shown("metrics-bind-address", "where /healthz, /readyz and /metrics are served, or unix:PATH"),
    )
    .option("--socket <path>", shown("socket", "unix socket for the commands on this node; empty, or with -f: none"))
    .option(
      "--drop-log-group <number>",
      shown("drop-log-group", "NFLOG group of the log of denied connections; 0: off"),
    )
    .option("--dns-service <namespace/name>", shown("dns-service", "the Service of the cluster's DNS servers"))
    .option("--dns-resolver <address>", "a DNS server beside those of the Service, repeatable", collect)
    .option("--dns-queue <number>", shown("dns-queue", "NFQUEUE by which names are learned from DNS answers; 0: off"))
    .option("--dns-min-ttl <duration>", shown("dns-min-ttl", "an address of a name counts for at least so long"))
    .option("--dns-max-ttl <duration>", shown("dns-max-ttl", "and at most for so long"))
    .option("--dns-grace <duration>", shown("dns-grace", "open connections to it go on for so long after that"))
    .option("--state-file <path>", "keep here what `portcullis close` needs at the next boot (default: nowhere)")
    .option(
      "--uninstall-from <namespace/name>",
      "remove all rules when this ServiceAccount is annotated portcullis.dev/uninstall=remove-rules",
    )
    .option("--log-format <format>", shown("log-format", "text or json"))
    .option("-v, --verbose", "log every change")
    .action(run);
}
