import type { MemberChange } from "../ir/change.ts";
import type { MembersOf, MemberSet } from "../model/member-set.ts";
import { takeChange } from "../model/member-set.ts";
import type { Model } from "../model/model.ts";
import type { PodSelection } from "../model/selection.ts";

interface Spec<Name> {
  readonly name: Name;
  readonly selection: PodSelection;
}

interface Entry<Name, Member extends string, Item> {
  readonly name: Name;
  readonly item: Item;
  readonly tracked: MemberSet & { readonly members: Set<Member> };
  /** How many chains use it. */
  users: number;
  /** How many of them use it in a clause that does more than accept. */
  strictUsers: number;
}

export interface SetsCommit<Name, Member, Item> {
  readonly fresh: readonly Item[];
  readonly changes: readonly MemberChange<Name, Member>[];
  readonly gone: readonly Name[];
  /** Whether the members that joined or left can turn an accept into a deny. */
  readonly canDeny: boolean;
}

/** The groups, or the pair sets, that chains of this node use; those that no chain uses are not kept. */
export interface SetTable<Name, Member, SpecOf, Item> {
  readonly items: ReadonlyMap<Name, Item>;
  /** `strict`: the chain uses it in a clause that denies or passes. */
  acquire(spec: SpecOf, strict: boolean): void;
  release(name: Name, strict: boolean): void;
  commit(touched: readonly MemberSet[]): SetsCommit<Name, Member, Item>;
}

export function createSetTable<Name extends string, Member extends string, SpecOf extends Spec<Name>>(
  model: Model,
  membersOf: (spec: SpecOf) => MembersOf,
): SetTable<Name, Member, SpecOf, SpecOf & { readonly members: ReadonlySet<Member> }> {
  type Item = SpecOf & { readonly members: ReadonlySet<Member> };
  const items = new Map<Name, Item>();
  const entries = new Map<Name, Entry<Name, Member, Item>>();
  const bySet = new Map<MemberSet, Entry<Name, Member, Item>>();
  let fresh: Item[] = [];
  const idle = new Set<Entry<Name, Member, Item>>();

  const create = (spec: SpecOf): Entry<Name, Member, Item> => {
    // What `membersOf` of this table makes are members of this kind.
    const tracked = model.track(spec.selection, membersOf(spec)) as MemberSet & { readonly members: Set<Member> };
    const item = { ...spec, members: tracked.members };
    const entry = { name: spec.name, item, tracked, users: 0, strictUsers: 0 };
    items.set(spec.name, item);
    entries.set(spec.name, entry);
    bySet.set(tracked, entry);
    fresh.push(item);
    return entry;
  };
  const forget = (entry: Entry<Name, Member, Item>): void => {
    model.untrack(entry.tracked);
    items.delete(entry.name);
    entries.delete(entry.name);
    bySet.delete(entry.tracked);
  };
  const memberChanges = (touched: readonly MemberSet[]) => {
    const changes: MemberChange<Name, Member>[] = [];
    let canDeny = false;
    for (const set of touched) {
      const entry = bySet.get(set);
      if (entry === undefined) continue;
      const change = takeChange(set);
      if (change.join.length + change.leave.length === 0) continue;
      canDeny ||= change.leave.length > 0 || entry.strictUsers > 0;
      changes.push({ name: entry.name, join: change.join as Member[], leave: change.leave as Member[] });
    }
    return { changes, canDeny };
  };

  return {
    items,
    acquire(spec, strict) {
      const entry = entries.get(spec.name) ?? create(spec);
      entry.users++;
      if (strict) entry.strictUsers++;
      idle.delete(entry);
    },
    release(name, strict) {
      const entry = entries.get(name);
      if (entry === undefined) throw new Error(`${name} is released without being held`);
      entry.users--;
      if (strict) entry.strictUsers--;
      if (entry.users === 0) idle.add(entry);
    },
    commit(touched) {
      const gone: Name[] = [];
      for (const entry of idle) {
        forget(entry);
        gone.push(entry.name);
      }
      idle.clear();
      const { changes, canDeny } = memberChanges(touched);
      const came = fresh;
      fresh = [];
      return { fresh: came, changes, gone, canDeny };
    },
  };
}
