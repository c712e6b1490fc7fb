import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { NewObject } from "./api.ts";
import { programPath } from "./binaries/build.ts";

const chart = join(import.meta.dirname, "..", "..", "charts", "portcullis");

/** What `helm install portcullis` brings into a cluster, without its hooks. */
export function chartObjects(namespace: string, ...flags: readonly string[]): readonly NewObject[] {
  const args = ["template", "portcullis", chart, "--namespace", namespace, "--no-hooks", ...flags];
  const { status, stdout, stderr, error } = spawnSync(programPath("helm"), args, { encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new Error(`helm template: ${stderr}`);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as NewObject | null)
    .filter((object) => object !== null);
}
