import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { defaultLimits } from "../../manifests/limits.ts";
import { parseYaml, YamlError } from "../../manifests/yaml-text.ts";
import type { ClusterConfig, Environment } from "./config.ts";
import { Fields } from "./fields.ts";
import { readCluster } from "./kubeconfig-cluster.ts";
import { readUser } from "./kubeconfig-user.ts";

export interface KubeconfigOptions {
  /** Merged as kubectl does: of two entries or values of one name the first counts. */
  readonly paths: readonly string[];
  /** A file that is not there is a problem; without it, it is passed over. */
  readonly mustExist: boolean;
  /** null: the current context of the files. */
  readonly context: string | null;
  readonly environment: Environment;
}

export type KubeconfigRead =
  | { readonly kind: "config"; readonly config: ClusterConfig }
  /** None of the files is there, or they name no context: there is no cluster to speak of. */
  | { readonly kind: "nothing"; readonly problems: readonly string[] }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** A kubeconfig that is larger than this is something else. */
const largest = 16 << 20;

const lists = ["clusters", "users", "contexts"] as const;
type List = (typeof lists)[number];

/** An entry of one of the lists: `path` says where it stands, for messages. */
type Entries = Readonly<Record<List, Map<string, Fields>>>;

function readText(path: string): { readonly text: string } | { readonly problem: string; readonly absent: boolean } {
  try {
    const file = openSync(path, "r");
    try {
      if (fstatSync(file).size > largest) return { problem: "is larger than 16 MiB", absent: false };
      return { text: readFileSync(file, "utf8") };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") return { problem: "there is no such file", absent: true };
    const text = code === "EACCES" ? "this user may not read it" : code === "EISDIR" ? "is a folder" : code;
    return { problem: text, absent: false };
  }
}

/** The document of a file. What the parser says is not repeated: it would quote the file, which holds credentials. */
function parse(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    const documents = parseYaml(text, defaultLimits);
    if (documents.length > 1) return { problem: "holds more than one YAML document" };
    const duplicate = documents[0]?.duplicates[0];
    if (duplicate !== undefined) return { problem: `${duplicate.join(".")}: key is there twice` };
    return { value: documents[0]?.value ?? {} };
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return { problem: `is not YAML (line ${text.slice(0, error.offset).split("\n").length})` };
  }
}

/** Adds the entries of one file; of two with the same name, that of the earlier file counts. */
function addEntries(file: Fields, entries: Entries): void {
  for (const list of lists) {
    const own = new Set<string>();
    for (const item of file.list(list)) {
      const name = item.text("name");
      const inner = item.map(list.slice(0, -1));
      if (name === null || inner === null) continue;
      if (own.has(name)) item.problem("name", `${JSON.stringify(name)} is there twice`);
      own.add(name);
      if (!entries[list].has(name)) entries[list].set(name, inner);
    }
  }
}

const quoted = (names: Iterable<string>): string => [...names].map((name) => JSON.stringify(name)).join(", ") || "none";

/** The entry that a context names; a problem where there is none. */
function entryOf(context: Fields, field: "cluster" | "user", entries: Map<string, Fields>): Fields | null {
  const name = context.text(field);
  if (name === null) {
    // A context without a user is one without credentials, as kubectl sees it.
    if (field === "cluster") context.problem(field, "names no cluster");
    return null;
  }
  const entry = entries.get(name);
  if (entry === undefined) context.problem(field, `there is no ${field} ${JSON.stringify(name)}`);
  return entry ?? null;
}

function configOf(context: Fields, from: string, entries: Entries, environment: Environment): ClusterConfig | null {
  const clusterFields = entryOf(context, "cluster", entries.clusters);
  const userFields = entryOf(context, "user", entries.users);
  if (clusterFields === null) return null;
  const cluster = readCluster(clusterFields, environment);
  const user = readUser(userFields, cluster);
  const namespace = context.text("namespace") ?? "default";
  return { from, namespace, ...cluster.connection, ...user };
}

/** Reads the context of a kubeconfig, or of several. Gives all problems of what the context needs. */
export function readKubeconfig(options: KubeconfigOptions): KubeconfigRead {
  const problems: string[] = [];
  const entries: Entries = { clusters: new Map(), users: new Map(), contexts: new Map() };
  let current = options.context;
  let read = 0;
  for (const path of options.paths) {
    const text = readText(path);
    if ("problem" in text) {
      if (!text.absent || options.mustExist) problems.push(`${path}: ${text.problem}`);
      continue;
    }
    read++;
    const parsed = parse(text.text);
    if ("problem" in parsed) {
      problems.push(`${path}: ${parsed.problem}`);
      continue;
    }
    const file = Fields.of(parsed.value, path, dirname(resolve(path)), problems);
    if (file === null) continue;
    current ??= file.text("current-context");
    addEntries(file, entries);
  }
  const where = options.paths.join(", ");
  if (problems.length > 0) return { kind: "problems", problems };
  if (read === 0) return { kind: "nothing", problems: [`there is no kubeconfig (${where}), and this is no pod`] };
  const known = quoted(entries.contexts.keys());
  if (current === null) {
    return { kind: "nothing", problems: [`${where}: has no current-context; choose by --context: ${known}`] };
  }
  const context = entries.contexts.get(current);
  if (context === undefined) {
    return {
      kind: "problems",
      problems: [`${where}: there is no context ${JSON.stringify(current)}; there are: ${known}`],
    };
  }
  const from = `context ${JSON.stringify(current)} of ${where}`;
  const config = configOf(context, from, entries, options.environment);
  return config === null || problems.length > 0 ? { kind: "problems", problems } : { kind: "config", config };
}
