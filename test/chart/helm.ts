/** helm as the tests and `npm run deploy:render` use it: built from its Go module, like the programs of a cluster. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { programPath } from "../apiserver/binaries/build.ts";

export const chart = join(import.meta.dirname, "..", "..", "charts", "portcullis");

/** The alerts, which the chart can make a PrometheusRule of; helm reads no file outside of a chart. */
export const alertRules = join(import.meta.dirname, "..", "..", "docs", "prometheus", "rules.yaml");

/** Why helm cannot be run; false: it can. */
export const noHelm: string | false = existsSync(programPath("helm"))
  ? false
  : "needs helm: npm run binaries:cluster builds it where Go is installed";

export interface HelmResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function helm(...args: readonly string[]): HelmResult {
  const { status, stdout, stderr, error } = spawnSync(programPath("helm"), [...args], { encoding: "utf8" });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Flags for values: `--set-json PATH=JSON` for each. */
export const settings = (values: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(values).flatMap(([path, value]) => ["--set-json", `${path}=${JSON.stringify(value)}`]);

/** `helm template` of a release `portcullis` in kube-system. */
export function template(values: Readonly<Record<string, unknown>> = {}, ...more: readonly string[]): HelmResult {
  return helm("template", "portcullis", chart, "-n", "kube-system", ...settings(values), ...more);
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The objects of a stream of YAML documents. */
export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}

/** What the chart makes of the values, hooks included; throws with what helm says. */
export function objectsOf(values: Readonly<Record<string, unknown>> = {}): readonly Manifest[] {
  const { status, stdout, stderr } = template(values);
  if (status !== 0) throw new Error(stderr);
  return manifestsOf(stdout);
}

/** The rendered variants in deploy/, and the values of each. */
export const installManifests = {
  "install.yaml": {},
  "install-without-tiers.yaml": {
    "policies.adminNetworkPolicy.enabled": false,
    "policies.baselineAdminNetworkPolicy.enabled": false,
    "policies.clusterNetworkPolicy.enabled": false,
  },
} as const;

export type InstallManifest = keyof typeof installManifests;

const about: Readonly<Record<InstallManifest, string>> = {
  "install.yaml": "Portcullis for a cluster without Helm, in kube-system",
  "install-without-tiers.yaml": "Portcullis without Helm, in kube-system: NetworkPolicy alone, no tiers",
};

/** A file of deploy/ as the chart renders it now. */
export function installManifest(name: InstallManifest): string {
  const { status, stdout, stderr } = template(installManifests[name], "--no-hooks");
  if (status !== 0) throw new Error(stderr);
  const head = [
    `# ${about[name]}: kubectl apply -f deploy/${name}`,
    "# Made of charts/portcullis by `npm run deploy:render`; change the chart, not this file.",
  ];
  return `${head.join("\n")}\n${stdout.replaceAll("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl")}`;
}
