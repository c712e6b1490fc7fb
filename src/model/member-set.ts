import type { Address } from "../net/address.ts";
import type { PodClass } from "./pod-class.ts";
import type { PodSelection } from "./selection.ts";

/** What a pod of a class adds to a set while it holds an address: the address itself, or something made of it. */
export type MembersOf = (podClass: PodClass, address: Address) => readonly string[];

/**
 * A set that the model keeps up to date: what the pods of a selection add under each address they hold. Remembers
 * what changed since it was last asked. Two pods never add the same member, since an address has one holder.
 */
export interface MemberSet {
  readonly selection: PodSelection;
  readonly membersOf: MembersOf;
  readonly members: Set<string>;
  /** Members touched since the last `takeChange`, and whether they were in the set before. */
  readonly touched: Map<string, boolean>;
}

export interface SetChange {
  readonly join: readonly string[];
  readonly leave: readonly string[];
}

/** Adds what the pod of a class adds under an address. True if it is the first change since `takeChange`. */
export function joinSet(set: MemberSet, podClass: PodClass, address: Address): boolean {
  const untouched = set.touched.size === 0;
  for (const member of set.membersOf(podClass, address)) {
    if (set.members.has(member)) continue;
    if (!set.touched.has(member)) set.touched.set(member, false);
    set.members.add(member);
  }
  return untouched && set.touched.size > 0;
}

/** Takes away what the pod of a class added under an address. True if it is the first change since `takeChange`. */
export function leaveSet(set: MemberSet, podClass: PodClass, address: Address): boolean {
  const untouched = set.touched.size === 0;
  for (const member of set.membersOf(podClass, address)) {
    if (!set.members.delete(member)) continue;
    if (!set.touched.has(member)) set.touched.set(member, true);
  }
  return untouched && set.touched.size > 0;
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
