import type { NodeRules } from "../ir/ruleset.ts";
import type { Node } from "../kube/objects.ts";
import type { Address } from "../net/address.ts";
import { addressFromValue, compareAddresses } from "../net/address.ts";
import type { Cidr } from "../net/cidr.ts";
import { cidrRange, compareCidrs, formatCidr, hostCidr } from "../net/cidr.ts";
import { containedIn } from "../net/contained-in.ts";
import type { CompileOptions } from "./options.ts";

/**
 * What holds for the node as a whole. `node` is null while its object is not known. `learned`: addresses that must be
 * known although nobody says that they are of its ranges (they may be). `resolvers`: who answers what names mean.
 */
export function nodeRules(
  node: Pick<Node, "podCidrs" | "addresses"> | null,
  options: CompileOptions,
  learned: Iterable<Address> = [],
  resolvers: readonly Address[] = [],
): NodeRules {
  const given = options.podCidrs ?? node?.podCidrs ?? [];
  const isGiven = containedIn(given);
  const all = [...given, ...[...new Set(learned)].filter((address) => !isGiven(address)).map(hostCidr)];
  const ranges = [...new Map(all.map((range) => [formatCidr(range), range])).values()].sort(compareCidrs);
  return {
    name: options.nodeName,
    ranges,
    gateways: gatewaysOf(ranges, node?.addresses.map(({ address }) => address) ?? []),
    unknownPods: options.unknownPods,
    established: options.established,
    logGroup: options.logGroup,
    names: options.names == null ? null : { queue: options.names.queue, resolvers },
  };
}

/**
 * What of the ranges is the node itself: the first address after the network's own, where networks put their gateway
 * (a range of one address has none), and the node's own addresses.
 */
function gatewaysOf(ranges: readonly Cidr[], own: readonly Address[]): readonly Address[] {
  const gateways = new Set<Address>(own.filter(containedIn(ranges)));
  for (const range of ranges) {
    const { family, low, high } = cidrRange(range);
    if (low < high) gateways.add(addressFromValue(family, low + 1n));
  }
  return [...gateways].sort(compareAddresses);
}

/**
 * Whether the node denies an address unless it knows who has it (semantics.md, 10). Whoever holds such an address is an
 * endpoint, wherever it runs: not every network gives a pod an address of its own node's range.
 */
export function mustBeKnown(node: NodeRules): (address: Address) => boolean {
  return node.unknownPods === "drop" ? containedIn(node.ranges) : () => false;
}

export function equalNodeRules(a: NodeRules, b: NodeRules): boolean {
  // The rest is the operator's and does not change.
  return equalRanges(a, b) && (a.names?.resolvers ?? []).join() === (b.names?.resolvers ?? []).join();
}

/** Whether the same addresses must be known. */
export function equalRanges(a: NodeRules, b: NodeRules): boolean {
  return a.ranges.map(formatCidr).join() === b.ranges.map(formatCidr).join() && a.gateways.join() === b.gateways.join();
}
