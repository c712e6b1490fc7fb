import type { Pod } from "../src/kube/objects.ts";
import { readManifests } from "../src/source/manifests/read.ts";
import type { ManifestRead, ReadOptions } from "../src/source/manifests/read.ts";

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** Reads a text as `portcullis … -f -` does. */
export async function readText(text: string, options: Partial<ReadOptions> = {}): Promise<ManifestRead> {
  return readManifests(["-"], { recursive: false, stdin: once(text), ...options });
}

/** Its pods by `namespace/name`. */
export function podsOf(read: ManifestRead): ReadonlyMap<string, Pod> {
  const pods = read.cluster.objects.filter((one) => one.kind === "Pod");
  return new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod] as const));
}

/** YAML of a pod in the namespace `shop`; `rest` is what follows its metadata. */
export function podYaml(name: string, rest = ""): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop}\n${rest}`;
}
