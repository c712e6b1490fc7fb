import { namespaceWith } from "../../kube/decode/namespace.ts";
import type { ClusterObject, Namespace, Node, Pod } from "../../kube/objects.ts";
import type { Address } from "../../net/address.ts";
import { addressFromValue, parseAddress, addressValue } from "../../net/address.ts";

/** Where pods without an address get theirs (cli.md): 10.128.0.0/14 and fd00:128::/48. */
const firstV4 = addressValue(parseAddress("10.128.0.0") as Address);
const firstV6 = addressValue(parseAddress("fd00:128::") as Address);
const slots = 1 << 18;

/** FNV-1a, spread over the slots. */
function slotOf(text: string): number {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  return ((hash >>> 14) ^ hash) & (slots - 1);
}

/** Addresses ending in .0 or .255 are fine in a /14, but some software and many eyes stumble over them. */
function usable(slot: number): boolean {
  const last = slot & 255;
  return last !== 0 && last !== 255;
}

function addressesOfSlot(slot: number): readonly [Address, Address] {
  return [addressFromValue(4, firstV4 + BigInt(slot)), addressFromValue(6, firstV6 + BigInt(slot))];
}

function knownAddresses(objects: readonly ClusterObject[]): Set<Address> {
  const known = new Set<Address>();
  for (const object of objects) {
    if (object.kind === "Pod") for (const address of object.addresses) known.add(address);
    if (object.kind === "Node") for (const { address } of object.addresses) known.add(address);
    if (object.kind === "Service")
      for (const address of [...object.clusterIps, ...object.externalIps]) known.add(address);
  }
  return known;
}

function nodeAddresses(node: Node | undefined): readonly Address[] {
  return node?.addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address) ?? [];
}

/**
 * Pods without an address get one of each family, from a hash of their name: the same pod has the same address
 * whatever else is in the input, unless two names collide. A hostNetwork pod has its node's, where that is known.
 * Where no slot is free (some 260,000 pods without addresses), pods stay without.
 */
export function fillAddresses(objects: readonly ClusterObject[]): readonly ClusterObject[] {
  const taken = knownAddresses(objects);
  const nodes = new Map(objects.filter((one) => one.kind === "Node").map((node) => [node.name, node] as const));
  const given = new Map<Pod, readonly Address[]>();
  const without = objects.filter((one): one is Pod => one.kind === "Pod" && one.addresses.length === 0);
  const named = without.map((pod) => ({ pod, name: `${pod.namespace}/${pod.name}` }));
  let free = slots;
  for (const { pod, name } of named.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const host = pod.hostNetwork ? nodeAddresses(nodes.get(pod.nodeName)) : [];
    if (host.length > 0) given.set(pod, host);
    for (let slot = slotOf(name); !given.has(pod) && free > 0; slot = (slot + 1) & (slots - 1)) {
      const pair = addressesOfSlot(slot);
      if (usable(slot) && !taken.has(pair[0]) && !taken.has(pair[1])) {
        given.set(pod, pair);
        for (const address of pair) taken.add(address);
        free--;
      }
    }
  }
  return objects.map((one) => {
    const addresses = one.kind === "Pod" ? given.get(one) : undefined;
    return one.kind === "Pod" && addresses !== undefined ? { ...one, addresses } : one;
  });
}

/** Namespaces that are named but not in the input (cli.md): they exist, with the label that every one has. */
export function missingNamespaces(
  objects: readonly ClusterObject[],
  named: Iterable<string | null>,
): readonly Namespace[] {
  const present = new Set(objects.filter((one) => one.kind === "Namespace").map((one) => one.name));
  const missing: Namespace[] = [];
  for (const name of named) {
    if (name === null || present.has(name)) continue;
    present.add(name);
    missing.push(namespaceWith(name, []));
  }
  return missing;
}
