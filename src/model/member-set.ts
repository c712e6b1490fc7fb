import type { Selector } from "../kube/selector.ts";
import type { Address } from "../net/address.ts";
import type { PodClass } from "./pod-class.ts";
import type { PodSelection } from "./selection.ts";

/** What a pod of a class adds to a set while it holds an address: the address itself, or something made of it. */
export type MembersOf = (podClass: PodClass, address: Address) => readonly string[];

/** A set that the model keeps up to date. Remembers what changed since it was last asked. */
export type MemberSet = PodMemberSet | NodeMemberSet;

interface Members {
  readonly members: Set<string>;
  /** Members touched since the last `takeChange`, and whether they were in the set before. */
  readonly touched: Map<string, boolean>;
}

/**
 * What the pods of a selection add under each address they hold. Two pods never add the same member, since an address
 * has one holder.
 */
export interface PodMemberSet extends Members {
  readonly kind: "pods";
  readonly selection: PodSelection;
  readonly membersOf: MembersOf;
}

/** The addresses of the Nodes that a selector picks. */
export interface NodeMemberSet extends Members {
  readonly kind: "nodes";
  readonly selector: Selector;
  /** How many of the Nodes have an address: nobody keeps two from having one. */
  readonly claims: Map<Address, number>;
}

export interface SetChange {
  readonly join: readonly string[];
  readonly leave: readonly string[];
}

/** Adds what the pod of a class adds under an address. True if it is the first change since `takeChange`. */
export function joinSet(set: PodMemberSet, podClass: PodClass, address: Address): boolean {
  const untouched = set.touched.size === 0;
  for (const member of set.membersOf(podClass, address)) add(set, member);
  return untouched && set.touched.size > 0;
}

/** Takes away what the pod of a class added under an address. True if it is the first change since `takeChange`. */
export function leaveSet(set: PodMemberSet, podClass: PodClass, address: Address): boolean {
  const untouched = set.touched.size === 0;
  for (const member of set.membersOf(podClass, address)) take(set, member);
  return untouched && set.touched.size > 0;
}

/** Adds the addresses of one Node that the set picks. True if it is the first change since `takeChange`. */
export function claimFor(set: NodeMemberSet, addresses: ReadonlySet<Address>): boolean {
  const untouched = set.touched.size === 0;
  for (const address of addresses) {
    const claims = set.claims.get(address) ?? 0;
    set.claims.set(address, claims + 1);
    if (claims === 0) add(set, address);
  }
  return untouched && set.touched.size > 0;
}

/** Takes away what one Node added; what another Node has, too, stays. True as for `claimFor`. */
export function giveUpFor(set: NodeMemberSet, addresses: ReadonlySet<Address>): boolean {
  const untouched = set.touched.size === 0;
  for (const address of addresses) {
    const claims = set.claims.get(address) ?? 0;
    if (claims === 0) throw new Error("a node gives up an address that it never claimed");
    if (claims > 1) {
      set.claims.set(address, claims - 1);
      continue;
    }
    set.claims.delete(address);
    take(set, address);
  }
  return untouched && set.touched.size > 0;
}

function add({ members, touched }: Members, member: string): void {
  if (members.has(member)) return;
  if (!touched.has(member)) touched.set(member, false);
  members.add(member);
}

function take({ members, touched }: Members, member: string): void {
  if (!members.delete(member)) return;
  if (!touched.has(member)) touched.set(member, true);
}

/** What joined and left since the last call; what came and went again is in neither list. */
export function takeChange(set: MemberSet): SetChange {
  const join: string[] = [];
  const leave: string[] = [];
  for (const [member, was] of set.touched) {
    const is = set.members.has(member);
    if (is && !was) join.push(member);
    if (was && !is) leave.push(member);
  }
  set.touched.clear();
  return { join, leave };
}
