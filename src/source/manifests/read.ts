import type { ClusterObject, Pod, Workload } from "../../kube/objects.ts";
import { type PolicyReading, readEverything } from "../../policy/kinds.ts";
import type { Policy } from "../../policy/policy.ts";
import type { Finding, Snapshot } from "../source.ts";
import { chooseEntries } from "./choose.ts";
import { contentHash, digestOfHashes } from "./digest.ts";
import { ContentReader, fileFinding, nothingBut } from "./entries.ts";
import type { Entry, FileContent, ReadingRules } from "./entries.ts";
import { decodeText, listManifests, readBounded, readStream, systemMessage, UnreadableError } from "./files.ts";
import { fillAddresses, missingNamespaces } from "./fill.ts";
import { sortFindings } from "./findings.ts";
import { defaultLimits } from "./limits.ts";
import type { Limits } from "./limits.ts";
import { readDocuments } from "./read-documents.ts";
import { podsOfWorkloads } from "./workload-pods.ts";
import type { WorkloadPods } from "./workload-pods.ts";

export interface ReadOptions {
  /** Folders below a folder too. */
  readonly recursive: boolean;
  /** What the path `-` stands for; without it `-` is a file of that name. */
  readonly stdin?: AsyncIterable<Uint8Array | string>;
  /** Of namespaced objects that name none; `default` unless told otherwise. */
  readonly namespace?: string;
  readonly limits?: Limits;
  /** Which policies are read; all of them unless told otherwise. */
  readonly reading?: PolicyReading;
}

/** A snapshot with what only manifests have. `complete` is false exactly if something is `unreadable`. */
export interface ManifestRead extends Snapshot {
  readonly workloads: readonly WorkloadPods[];
  /** Those of the findings that say that a file, or a document of it, could not be read at all. */
  readonly unreadable: readonly Finding[];
}

const start = { line: 1, column: 1 };

/** Reads the text of one file into its objects. `file` is how findings call it. */
export async function readContent(bytes: Uint8Array, file: string, rules: ReadingRules): Promise<FileContent> {
  const reader = new ContentReader(file, rules);
  let text: string;
  try {
    text = decodeText(bytes);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return nothingBut(fileFinding(file, start, error.message));
  }
  const documents = await readDocuments(text, file.endsWith(".json"), rules.limits);
  for (const document of documents) reader.add(document);
  return reader.content();
}

interface InputFile {
  readonly path: string;
  readonly hash: string;
  readonly content: FileContent;
}

function unreadableFile(path: string, error: unknown): InputFile {
  const message = error instanceof UnreadableError ? error.message : systemMessage(error);
  return {
    path,
    hash: "",
    content: nothingBut(fileFinding(path, start, message)),
  };
}

/** What holds where nothing else is said. */
export function readingRules({ namespace, limits, reading }: Partial<ReadingRules>): ReadingRules {
  return {
    namespace: namespace ?? "default",
    limits: limits ?? defaultLimits,
    reading: reading ?? readEverything,
  };
}

async function readFile(path: string, options: ReadOptions, rules: ReadingRules): Promise<InputFile> {
  try {
    const stdin = path === "-" ? options.stdin : undefined;
    const bytes =
      stdin === undefined
        ? await readBounded(path, rules.limits.fileBytes, true)
        : await readStream(stdin, rules.limits.fileBytes);
    const content = await readContent(bytes, path, rules);
    return { path, hash: contentHash(bytes), content };
  } catch (error) {
    return unreadableFile(path, error);
  }
}

async function readAll(paths: readonly string[], options: ReadOptions): Promise<readonly InputFile[]> {
  const rules = readingRules(options);
  const files: InputFile[] = [];
  for (const path of paths) {
    let listed: readonly string[] = [path];
    try {
      if (path !== "-" || options.stdin === undefined) {
        listed = await listManifests(path, options.recursive, rules.limits.files);
      }
    } catch (error) {
      files.push(unreadableFile(path, error));
      continue;
    }
    for (const one of listed) files.push(await readFile(one, options, rules));
  }
  return files;
}

interface Sorted {
  readonly objects: ClusterObject[];
  readonly workloads: Workload[];
  readonly policies: Policy[];
}

/** Sorts what could be read by what it is. */
export function sortEntries(entries: Iterable<Entry>): Sorted {
  const sorted: Sorted = { objects: [], workloads: [], policies: [] };
  for (const entry of entries) {
    if (entry.value === null) continue;
    if (entry.kind === "object") sorted.objects.push(entry.value);
    else if (entry.kind === "workload") sorted.workloads.push(entry.value);
    else sorted.policies.push(entry.value);
  }
  return sorted;
}

/**
 * Reads manifests once, as the CLI does with `-f`: files and folders (`-` for standard input), YAML and JSON. Never
 * rejects because of what is in them: what is wrong is a finding, and the rest stands. Adds what cli.md says is
 * implied: namespaces that are only named, pods of workloads, addresses of pods that have none.
 */
export async function readManifests(paths: readonly string[], options: ReadOptions): Promise<ManifestRead> {
  const files = await readAll(paths, options);
  const choice = chooseEntries(files.flatMap((file) => file.content.entries));
  const { objects, workloads, policies } = sortEntries(choice.entries.values());
  const made = podsOfWorkloads(
    workloads,
    objects.filter((one): one is Pod => one.kind === "Pod"),
  );
  const all = fillAddresses([...objects, ...made.pods]);
  const named = [...all, ...policies, ...workloads].map((one) => ("namespace" in one ? one.namespace : null));
  const unreadable = files.flatMap((file) => file.content.unreadable);
  const findings = files.flatMap((file) => file.content.findings.map(({ finding }) => finding));
  return {
    cluster: { objects: [...missingNamespaces(all, named), ...all], policies },
    findings: sortFindings([...unreadable, ...findings, ...choice.findings]),
    unreadable,
    complete: unreadable.length === 0,
    digest: digestOfHashes(files.map((file) => [file.path, file.hash] as const)),
    workloads: made.workloads,
  };
}
