import { labelsEqual } from "../kube/labels.ts";
import type { Node } from "../kube/objects.ts";
import type { Selector } from "../kube/selector.ts";
import { matches } from "../kube/selector.ts";
import type { Address } from "../net/address.ts";
import { formatCidr } from "../net/cidr.ts";
import type { NodeMemberSet } from "./member-set.ts";
import { claimFor, giveUpFor } from "./member-set.ts";

/** All Nodes, and the sets that follow their addresses. */
export interface NodeTable {
  get(name: string): Node | null;
  size(): number;
  /** Replaces what is known of one Node; null: it is gone. False if that says nothing new. */
  set(name: string, node: Node | null): boolean;
  track(selector: Selector): NodeMemberSet;
  untrack(set: NodeMemberSet): void;
}

/** `touch` is told of each set whose members change for the first time since `takeChange`. */
export function createNodeTable(touch: (set: NodeMemberSet) => void): NodeTable {
  const nodes = new Map<string, Node>();
  const sets = new Set<NodeMemberSet>();
  return {
    get: (name) => nodes.get(name) ?? null,
    size: () => nodes.size,
    set(name, node) {
      const known = nodes.get(name) ?? null;
      if (known === node || (known !== null && node !== null && saysNothingNew(known, node))) return false;
      if (node === null) nodes.delete(name);
      else nodes.set(name, node);
      for (const set of sets) {
        // What is claimed first is not missed in between.
        if (node !== null && matches(set.selector, node.labels) && claimFor(set, addressesOf(node))) touch(set);
        if (known !== null && matches(set.selector, known.labels) && giveUpFor(set, addressesOf(known))) touch(set);
      }
      return true;
    },
    track(selector) {
      const set: NodeMemberSet = {
        kind: "nodes",
        selector,
        claims: new Map(),
        members: new Set(),
        touched: new Map(),
      };
      for (const node of nodes.values()) if (matches(selector, node.labels)) claimFor(set, addressesOf(node));
      set.touched.clear();
      sets.add(set);
      return set;
    },
    untrack(set) {
      if (!sets.delete(set)) throw new Error("a set of nodes is let go without being followed");
    },
  };
}

/** A Node may list an address under more than one type. */
const addressesOf = (node: Node): ReadonlySet<Address> => new Set(node.addresses.map(({ address }) => address));

function saysNothingNew(known: Node, node: Node): boolean {
  const text = ({ addresses, podCidrs }: Node): string =>
    [...addresses.map(({ type, address }) => `${type} ${address}`), ...podCidrs.map(formatCidr)].join();
  return labelsEqual(known.labels, node.labels) && text(known) === text(node);
}
