import type { Labels } from "../kube/labels.ts";
import type { ClusterObject, Node, Pod } from "../kube/objects.ts";
import { namespaceNameLabel } from "../kube/selector.ts";
import { addressSetContains, addressSetOf } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import { addressFromValue, addressValue } from "../net/address.ts";
import { cidrContains, cidrRange } from "../net/cidr.ts";
import { containedIn } from "../net/contained-in.ts";
import type { Cluster } from "../policy/cluster.ts";

/** semantics.md, 5 and 6: hostNetwork pods are the node; finished pods and pods without an address do not count. */
export function isLive(pod: Pod): boolean {
  return !pod.hostNetwork && !pod.finished && pod.addresses.length > 0;
}

/** semantics.md, 6: the newer of two pods; of two equally old ones the first by namespace, then name. */
function newestFirst(a: Pod, b: Pod): number {
  if (a.created !== b.created) return b.created - a.created;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** semantics.md, 6 and 7: who holds an address, of any family: the newest live pod that claims it. */
export function podHolding(cluster: Cluster, address: Address): Pod | null {
  const claimants: Pod[] = [];
  for (const object of cluster.objects) {
    if (object.kind === "Pod" && isLive(object) && object.addresses.includes(address)) claimants.push(object);
  }
  return claimants.sort(newestFirst)[0] ?? null;
}

/** Every address that a pod holds, with that pod: `podHolding` for all addresses at once. */
export function holdersOf(objects: readonly ClusterObject[]): ReadonlyMap<Address, Pod> {
  const holders = new Map<Address, Pod>();
  for (const object of objects) {
    if (object.kind !== "Pod" || !isLive(object)) continue;
    for (const address of object.addresses) {
      const holder = holders.get(address);
      if (holder === undefined || newestFirst(object, holder) < 0) holders.set(address, object);
    }
  }
  return holders;
}

/** A namespace that no object describes exists with its name as its only label. */
export function labelsOfNamespace(cluster: Cluster, name: string): Labels {
  for (const object of cluster.objects) {
    if (object.kind === "Namespace" && object.name === name) return object.labels;
  }
  return nameOnly(name);
}

/** The labels of a namespace that no object describes. */
export function nameOnly(name: string): Labels {
  return new Map([[namespaceNameLabel, name]]);
}

/** The nodes that have this address in status.addresses. */
export function nodesWithAddress(cluster: Cluster, address: Address): readonly Node[] {
  const nodes = cluster.objects.filter((object) => object.kind === "Node");
  return nodes.filter((node) => node.addresses.some((entry) => entry.address === address));
}

/**
 * semantics.md, 10: whether an address lies in a node's pod range and is not that node itself: the range's gateway
 * (its first address after the network's own) or one of the node's own. That no pod holds it is for the caller to know.
 */
export function isInPodRange(nodes: readonly Node[], address: Address): boolean {
  const ranges = nodes.flatMap((node) => node.podCidrs.map((range) => ({ node, range })));
  const owners = ranges.filter(({ range }) => cidrContains(range, address));
  const isTheNode = owners.some(
    ({ node, range }) =>
      cidrRange(range).low + 1n === addressValue(address) || node.addresses.some((own) => own.address === address),
  );
  return owners.length > 0 && !isTheNode;
}

/** `isInPodRange` for many addresses of the same nodes. */
export function podRangeTest(nodes: readonly Node[]): (address: Address) => boolean {
  const all = addressSetOf(nodes.flatMap((node) => node.podCidrs));
  const themselves = new Set<Address>();
  for (const { podCidrs, addresses } of nodes) {
    for (const range of podCidrs) {
      const { family, low, high } = cidrRange(range);
      if (low < high) themselves.add(addressFromValue(family, low + 1n));
    }
    const isOfNode = containedIn(podCidrs);
    for (const { address } of addresses) if (isOfNode(address)) themselves.add(address);
  }
  return (address) => addressSetContains(all, address) && !themselves.has(address);
}
