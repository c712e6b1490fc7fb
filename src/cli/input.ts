import type { Command } from "commander";
import { Option } from "commander";
import { defaultOptions } from "../evaluate/decision.ts";
import type { EvaluateOptions } from "../evaluate/decision.ts";
import type { ManifestRead } from "../source/manifests/read.ts";
import type { Finding } from "../source/source.ts";
import { UsageError } from "./exit.ts";
import type { ClusterFlags } from "./live-cluster.ts";
import { addClusterOptions, readLiveCluster } from "./live-cluster.ts";
import { say } from "./output.ts";
import { addReadingOptions, readingOf, type ReadingOptions } from "./reading.ts";

/** The flags that say where the objects come from. */
export interface InputOptions {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly namespace?: string;
}

/** The flags that say what a verdict is where no policy says it. */
export interface VerdictOptions {
  readonly defaultVerdict: EvaluateOptions["defaultVerdict"];
  readonly unknownPods: EvaluateOptions["unknownPods"];
}

/** Manifests where `-f` is given, else a running cluster. */
export interface ObjectOptions extends InputOptions, ReadingOptions, ClusterFlags {}

export function addObjectOptions(command: Command): Command {
  return addReadingOptions(addClusterOptions(addInputOptions(command)));
}

export function addInputOptions(command: Command): Command {
  return command
    .option("-f, --filename <path...>", "file or folder with manifests, - for stdin (repeatable)")
    .option("-R, --recursive", "read the folders in the folders too")
    .option("-n, --namespace <name>", "namespace of objects that name none", "default");
}

export function addVerdictOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--default-verdict <verdict>", "for pods that no policy decides")
        .choices(["accept", "deny"])
        .default(defaultOptions.defaultVerdict),
    )
    .addOption(
      new Option("--unknown-pods <what>", "addresses of a node's pod range that are no pod's")
        .choices(["drop", "accept"])
        .default(defaultOptions.unknownPods),
    );
}

function findingText({ position, object, message }: Finding): string {
  const where = position === null ? "" : `${position.file}:${position.line}:${position.column}: `;
  return `${where}${object === "" ? "" : `${object}: `}${message}`;
}

/** Reads the manifests or the cluster, and says on stderr what is wrong with what it read. */
export async function readObjects(options: ObjectOptions): Promise<ManifestRead> {
  const { filename = [], kubeconfig, context } = options;
  if (filename.length > 0) {
    if (kubeconfig === undefined && context === undefined) return readInput(options);
    throw new UsageError("-f reads manifests, --kubeconfig and --context a cluster: give one or the other");
  }
  const read = await readLiveCluster(options, readingOf(options));
  for (const finding of read.findings) say(findingText(finding));
  return read;
}

/** Reads the manifests, and says on stderr what is wrong with them. Throws where no flag says what to read. */
export async function readInput(options: InputOptions & ReadingOptions): Promise<ManifestRead> {
  const paths = options.filename ?? [];
  if (paths.length === 0) {
    throw new UsageError("-f is missing: this command reads manifests only");
  }
  const { readManifests } = await import("../source/manifests/read.ts");
  const { recursive = false, namespace = "default" } = options;
  const read = await readManifests(paths, { recursive, namespace, stdin: process.stdin, reading: readingOf(options) });
  for (const finding of read.findings) say(findingText(finding));
  return read;
}
