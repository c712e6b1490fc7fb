import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompileOptions } from "../../src/compile/options.ts";
import { compileWhole } from "../../src/compile/whole.ts";
import { nftablesDataplane } from "../../src/dataplane/nftables/nftables.ts";
import { createLog } from "../../src/observe/log.ts";
import type { Finding } from "../../src/source/source.ts";
import { readManifests } from "../../src/source/manifests/read.ts";
import type { ManifestRead } from "../../src/source/manifests/read.ts";
import type { Mutant } from "./mutate.ts";

/** A name that fits into a line of a log, a comment of a rule and an id without any escaping. */
const harmless = /^[!-.0-~]{1,320}$/;
const dangerous = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|[\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u;
const longestFinding = 1500;

function findingProblems(finding: Finding): readonly string[] {
  const { position, object, message } = finding;
  const problems: string[] = [];
  for (const text of [object, message, position?.file ?? ""]) {
    if (dangerous.test(text)) problems.push(`not safe to print: ${JSON.stringify(text).slice(0, 300)}`);
    if (text.length > longestFinding) problems.push(`${text.length} characters long: ${text.slice(0, 100)}`);
  }
  if (message === "") problems.push("a finding without a message");
  if (position === null || position.line < 1 || position.column < 1) problems.push(`no place: ${message}`);
  return problems;
}

function objectProblems(read: ManifestRead): readonly string[] {
  const names = [...read.cluster.objects, ...read.cluster.policies].flatMap((one) => [
    one.name,
    "namespace" in one ? (one.namespace ?? "x") : "x",
  ]);
  const ids = read.cluster.policies.flatMap((policy) => policy.id.split("/"));
  return [...names, ...ids, ...read.workloads.flatMap((one) => [one.name, one.namespace])]
    .filter((name) => !harmless.test(name))
    .map((name) => `a name that could break out: ${JSON.stringify(name).slice(0, 300)}`);
}

/** Every finding as a line of the log, in both formats: one line each, whatever it says. */
function logProblems(findings: readonly Finding[]): readonly string[] {
  const problems: string[] = [];
  for (const format of ["text", "json"] as const) {
    const write = (line: string): void => {
      if (!line.endsWith("\n") || dangerous.test(line.slice(0, -1)))
        problems.push(`a log line is not one line: ${JSON.stringify(line)}`);
    };
    const log = createLog({ format, level: "debug", write, now: () => 0 });
    for (const { message, object } of findings.slice(0, 20)) log.warn(message, { object });
  }
  return problems;
}

const dataplane = nftablesDataplane({ netns: null, ctMarkMask: 0xffff0000 });
const compileOptions: CompileOptions = {
  nodeName: "node-1",
  podCidrs: null,
  unknownPods: "drop",
  established: "cut",
  defaultVerdict: "accept",
  logGroup: 9080,
};
/** What the hostile texts would have nft do, were they not kept inside quotes or names. */
const injected = /flush|reboot|passwd|script|drop table|title|IFS/;

/** The program of one node: hostile text may stand in quotes only, and no line may be broken. */
function programProblems(read: ManifestRead): readonly string[] {
  const text = dataplane.render(compileWhole(read.cluster, compileOptions));
  const problems: string[] = [];
  for (const line of text.split("\n")) {
    const outside = line.replaceAll(/"[^"]*"/g, "").replace(/#.*/, "");
    const breaks = outside.includes('"') || dangerous.test(line.replaceAll("\t", "")) || injected.test(outside);
    if (breaks) problems.push(`a line of the nft program: ${JSON.stringify(line).slice(0, 300)}`);
  }
  return problems;
}

/** Reads a mutant as the CLI does; what is wrong with the result. */
export async function examine(mutant: Mutant): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "pct-bad-"));
  try {
    writeFileSync(join(folder, mutant.name), mutant.bytes);
    const read = await readManifests([folder], { recursive: false });
    const problems = [
      ...read.findings.flatMap(findingProblems),
      ...objectProblems(read),
      ...logProblems(read.findings),
      ...programProblems(read),
    ];
    if (read.complete !== (read.unreadable.length === 0)) problems.push("complete and unreadable disagree");
    return problems.slice(0, 5);
  } catch (error) {
    return [`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
