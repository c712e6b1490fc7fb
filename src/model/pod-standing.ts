import type { NamedPort, Pod } from "../kube/objects.ts";

/** semantics.md, 5 and 6: hostNetwork pods are the node; finished pods and pods without an address do not count. */
export function isLive(pod: Pick<Pod, "hostNetwork" | "finished" | "addresses">): boolean {
  return !pod.hostNetwork && !pod.finished && pod.addresses.length > 0;
}

/** What decides between two pods that claim one address. */
export interface Claimant {
  readonly created: number;
  readonly namespace: string;
  readonly name: string;
}

/** semantics.md, 6: the newer of two pods holds an address; of equally old ones the first by namespace, then name. */
export function outranks(a: Claimant, b: Claimant): boolean {
  if (a.created !== b.created) return a.created > b.created;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace;
  return a.name < b.name;
}

/** The ports that a pod declares under a name, sorted, without doubles. */
export function namedPortsOf(pod: Pick<Pod, "ports">): readonly NamedPort[] {
  const byKey = new Map<string, NamedPort>();
  for (const { name, protocol, port } of pod.ports) {
    if (name !== null) byKey.set(namedPortKey({ name, protocol, port }), { name, protocol, port });
  }
  if (byKey.size === 0) return noNamedPorts;
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}

export const noNamedPorts: readonly NamedPort[] = [];

/** Port and protocol come first: what follows may be any text. */
function namedPortKey({ name, protocol, port }: NamedPort): string {
  return `${port}/${protocol}/${name}`;
}

/** Text that two lists of `namedPortsOf` share exactly if they are equal. */
export function namedPortsKey(ports: readonly NamedPort[]): string {
  return ports.length === 0 ? "" : JSON.stringify(ports.map(namedPortKey));
}
