import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSettings, settingNames, type SettingName } from "../../src/agent/settings.ts";
import { dataplaneNames } from "../../src/dataplane/registry.ts";
import { chart, type Manifest } from "./helm.ts";

export type Json = Readonly<Record<string, unknown>>;
export const read = (...path: readonly string[]): string => readFileSync(join(chart, ...path), "utf8");
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const one = (objects: readonly Manifest[], kind: string, name = "portcullis"): Manifest => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `there is a ${kind} ${name}`);
  return found;
};

/** Everything a test looks at of the agents' pods. */
interface PodSpec {
  readonly hostNetwork: boolean;
  readonly priorityClassName: string;
  readonly tolerations: readonly Json[];
  readonly securityContext: Json;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Json[];
}
interface Container {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly image: string;
  readonly securityContext: Json;
  readonly volumeMounts: readonly Json[];
}
export const podSpecOf = (workload: Manifest): PodSpec =>
  (workload["spec"] as { template: { spec: PodSpec } }).template.spec;
export const agentOf = (objects: readonly Manifest[]): Container => {
  const [container] = podSpecOf(one(objects, "DaemonSet")).containers;
  assert.ok(container);
  return container;
};
/** As the values name a kind. */
export const lower = (kind: string): string => `${kind.slice(0, 1).toLowerCase()}${kind.slice(1)}`;
export const tiers = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"];
export const onByDefault = ["NetworkPolicy", ...tiers];
export const switchesOf = (kinds: readonly string[], enabled: boolean): Json =>
  Object.fromEntries(kinds.map((kind) => [`policies.${lower(kind)}.enabled`, enabled]));
export const rulesOf = (role: Manifest): readonly Json[] => role["rules"] as readonly Json[];

/** The settings that flags amount to, read as the agent reads them. */
export function readFlags(args: readonly string[]) {
  const texts = new Map<SettingName, string[]>();
  for (const arg of args) {
    const [, name = "", value = "true"] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const known = settingNames.find((setting) => setting === name);
    assert.ok(known, `${arg} is a flag of the agent`);
    texts.set(known, [...(texts.get(known) ?? []), value]);
  }
  const written = [...texts].map(([name, list]) => [name, { texts: list, place: `--${name}` }] as const);
  return readSettings(new Map([...written, ["node-name", { texts: ["n"], place: "NODE_NAME" }]]), dataplaneNames);
}
