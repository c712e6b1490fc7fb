import type { Address } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import { type BindAddress, type UnixAddress, readBindAddress, readSocketPath } from "./bind-address.ts";
import { allGatesOpen, type FeatureGates } from "../policy/feature-gates.ts";
import { readFeatureGates, readPolicyKinds } from "./reading-settings.ts";
import { readAddress, readQueueNumber, readTtl } from "./dns-settings.ts";
import {
  type NamespacedName,
  type Read,
  readAbsolutePath,
  readChoice,
  readCidr,
  readLogGroup,
  readMarkMask,
  readNamespaceName,
  readNamespacedName,
  readNetns,
  readNodeName,
  readSwitch,
  readSyncPeriod,
} from "./setting-values.ts";

/** What the operator wants of the agent. */
export interface AgentSettings {
  readonly nodeName: string;
  /** The folder of manifests that is followed; null: the API server of the cluster. */
  readonly folder: string | null;
  /** How the API server is reached; null: the service account of the pod, or as kubectl finds it. */
  readonly kubeconfig: string | null;
  readonly context: string | null;
  /** Kinds of policies that are read; null: all. */
  readonly policyKinds: readonly string[] | null;
  /** Experimental fields that are read. */
  readonly featureGates: FeatureGates;
  readonly dataplane: string;
  /** Name or path of the network namespace that is programmed; null: the agent's own. */
  readonly netns: string | null;
  readonly dryRun: boolean;
  /** Null: what the Node object says. */
  readonly podCidrs: readonly Cidr[] | null;
  readonly unknownPods: "drop" | "accept";
  readonly established: "cut" | "keep";
  readonly defaultVerdict: "accept" | "deny";
  /** Whose pods no policy and no default verdict isolates. */
  readonly exemptNamespaces: readonly string[];
  /** Milliseconds. */
  readonly syncPeriod: number;
  readonly ctMarkMask: number;
  /** No policy counts; all of them are in audit (semantics, 13). */
  readonly audit: boolean;
  readonly bind: BindAddress;
  /** Where the commands on this node ask the agent; null: nowhere. */
  readonly socket: UnixAddress | null;
  /** The group of NFLOG through which the kernel tells of denied connections; null: it does not. */
  readonly dropLogGroup: number | null;
  /** The Service whose addresses are resolvers of the cluster. */
  readonly dnsService: NamespacedName;
  /** Resolvers beside it. */
  readonly dnsResolvers: readonly Address[];
  /** The queue of the kernel by which DNS answers come here; null: no names are learned. */
  readonly dnsQueue: number | null;
  /** Seconds that an address of a name may be begun with, at least and at most, whatever the answer says. */
  readonly dnsMinTtl: number;
  readonly dnsMaxTtl: number;
  /** Seconds that connections go on after that. */
  readonly dnsGrace: number;
  /** What a boot needs to know of this node is kept here; null: nowhere. */
  readonly stateFile: string | null;
  /** The object of the cluster whose annotation has the rules removed; null: none has. */
  readonly uninstallFrom: NamespacedName | null;
  readonly logFormat: "text" | "json";
  readonly verbose: boolean;
}

/** Every setting's name: the flag's without its dashes, and the key in the file. */
export const settingNames = [
  "node-name",
  "filename",
  "kubeconfig",
  "context",
  "policy-kinds",
  "feature-gates",
  "dataplane",
  "netns",
  "dry-run",
  "pod-cidr",
  "unknown-pods",
  "established",
  "default-verdict",
  "exempt-namespace",
  "sync-period",
  "ct-mark-mask",
  "audit",
  "metrics-bind-address",
  "socket",
  "drop-log-group",
  "dns-service",
  "dns-resolver",
  "dns-queue",
  "dns-min-ttl",
  "dns-max-ttl",
  "dns-grace",
  "state-file",
  "uninstall-from",
  "log-format",
  "verbose",
] as const;

export type SettingName = (typeof settingNames)[number];

/** Settings as they were written, with the place (a flag, or file:line:column) for messages. */
export type WrittenSettings = ReadonlyMap<SettingName, { readonly texts: readonly string[]; readonly place: string }>;

/**
 * What holds where nothing is written. `node-name` and what the agent follows have no default. `socket` has none where
 * a folder is followed: several agents of a lab share one /run.
 */
export const defaultSettings = {
  dataplane: "nftables",
  "dry-run": "false",
  "unknown-pods": "drop",
  established: "cut",
  "default-verdict": "accept",
  "sync-period": "1m",
  "ct-mark-mask": "0xffff0000",
  audit: "false",
  "metrics-bind-address": ":9080",
  socket: "/run/portcullis/agent.sock",
  "drop-log-group": "9080",
  "dns-service": "kube-system/kube-dns",
  "dns-queue": "9053",
  "dns-min-ttl": "5s",
  "dns-max-ttl": "1h",
  "dns-grace": "5m",
  "log-format": "text",
  verbose: "false",
} as const;

export type SettingsRead =
  | { readonly ok: true; readonly settings: AgentSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads single settings, collecting what is wrong with them. */
function createReader(written: WrittenSettings) {
  const problems: string[] = [];
  const take = <T>(name: SettingName, place: string, result: Read<T>): T | null => {
    if (result.ok) return result.value;
    problems.push(`${place}: ${name === place.slice(2) ? "" : `${name}: `}${result.reason}`);
    return null;
  };
  return {
    problems,
    optional: <T>(name: SettingName, read: (text: string) => Read<T>): T | null => {
      const entry = written.get(name);
      if (entry === undefined) return null;
      if (entry.texts.length > 1) problems.push(`${entry.place}: ${name} can be given only once`);
      return take(name, entry.place, read(entry.texts[0] ?? ""));
    },
    list: <T>(name: SettingName, read: (text: string) => Read<T>): T[] | null => {
      const entry = written.get(name);
      if (entry === undefined) return null;
      return entry.texts.map((text) => take(name, entry.place, read(text))).filter((value) => value !== null);
    },
    /** All that was written of it, as one value. */
    whole: <T>(name: SettingName, read: (texts: readonly string[]) => Read<T>): T | null => {
      const entry = written.get(name);
      return entry === undefined ? null : take(name, entry.place, read(entry.texts));
    },
  };
}

const anyText = (text: string): Read<string> =>
  text === "" ? { ok: false, reason: "is empty" } : { ok: true, value: text };

function sourceProblems(written: WrittenSettings): readonly string[] {
  if (!written.has("filename")) return [];
  const others = (["kubeconfig", "context", "uninstall-from"] as const).filter((name) => written.has(name));
  return others.map((name) => `--${name} and -f exclude each other: either a cluster is followed or a folder`);
}

/** The settings, or everything that is wrong with them. `dataplanes`: the names that can be chosen from. */
export function readSettings(written: WrittenSettings, dataplanes: readonly string[]): SettingsRead {
  const reader = createReader(written);
  const withDefault = <T>(name: keyof typeof defaultSettings, read: (text: string) => Read<T>): T => {
    const value = reader.optional(name, read);
    if (value !== null) return value;
    const fallback = read(defaultSettings[name]);
    if (!fallback.ok) throw new Error(`the default of ${name} ${fallback.reason}`);
    return fallback.value;
  };
  const nodeName = reader.optional("node-name", readNodeName);
  if (!written.has("node-name"))
    reader.problems.push("--node-name (or NODE_NAME in the environment) is needed: which node's pods to protect");
  reader.problems.push(...sourceProblems(written));
  const isLocal = written.has("filename") && !written.has("socket");
  const settings: AgentSettings = {
    nodeName: nodeName ?? "",
    folder: reader.optional("filename", anyText),
    kubeconfig: reader.optional("kubeconfig", anyText),
    context: reader.optional("context", anyText),
    policyKinds: reader.whole("policy-kinds", readPolicyKinds),
    featureGates: reader.whole("feature-gates", readFeatureGates) ?? allGatesOpen,
    dataplane: withDefault("dataplane", (text) => readChoice(dataplanes, text)),
    netns: reader.optional("netns", readNetns),
    dryRun: withDefault("dry-run", readSwitch),
    podCidrs: reader.list("pod-cidr", readCidr),
    unknownPods: withDefault("unknown-pods", (text) => readChoice(["drop", "accept"], text)),
    established: withDefault("established", (text) => readChoice(["cut", "keep"], text)),
    defaultVerdict: withDefault("default-verdict", (text) => readChoice(["accept", "deny"], text)),
    exemptNamespaces: reader.list("exempt-namespace", readNamespaceName) ?? [],
    syncPeriod: withDefault("sync-period", readSyncPeriod),
    ctMarkMask: withDefault("ct-mark-mask", readMarkMask),
    audit: withDefault("audit", readSwitch),
    bind: withDefault("metrics-bind-address", readBindAddress),
    socket: isLocal ? null : withDefault("socket", readSocketPath).address,
    dropLogGroup: withDefault("drop-log-group", readLogGroup).group,
    dnsService: withDefault("dns-service", readNamespacedName),
    dnsResolvers: reader.list("dns-resolver", readAddress) ?? [],
    dnsQueue: withDefault("dns-queue", readQueueNumber).queue,
    dnsMinTtl: withDefault("dns-min-ttl", readTtl),
    dnsMaxTtl: withDefault("dns-max-ttl", readTtl),
    dnsGrace: withDefault("dns-grace", readTtl),
    stateFile: reader.optional("state-file", readAbsolutePath),
    uninstallFrom: reader.optional("uninstall-from", readNamespacedName),
    logFormat: withDefault("log-format", (text) => readChoice(["text", "json"], text)),
    verbose: withDefault("verbose", readSwitch),
  };
  if (settings.dnsMinTtl > settings.dnsMaxTtl) reader.problems.push("--dns-min-ttl is longer than --dns-max-ttl");
  return reader.problems.length === 0 ? { ok: true, settings } : { ok: false, problems: reader.problems };
}
