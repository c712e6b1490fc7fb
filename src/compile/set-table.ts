import type { MemberChange } from "../ir/change.ts";
import type { MemberSet } from "../model/member-set.ts";
import { takeChange } from "../model/member-set.ts";
import type { Model } from "../model/model.ts";

interface Spec<Name> {
  readonly name: Name;
}

interface Entry<Name, Member extends string, Item> {
  readonly name: Name;
  readonly item: Item;
  readonly tracked: MemberSet & { readonly members: Set<Member> };
  /** How many chains use it, by how. */
  readonly users: Record<SetUse, number>;
}

/**
 * How a chain uses a set. `audit`: nothing that is done depends on it. `strict`: in a clause that denies or passes, so
 * that more members can mean less accepted.
 */
export type SetUse = "audit" | "accept" | "strict";

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
  acquire(spec: SpecOf, use: SetUse): void;
  release(name: Name, use: SetUse): void;
  commit(touched: readonly MemberSet[]): SetsCommit<Name, Member, Item>;
}

export function createSetTable<Name extends string, Member extends string, SpecOf extends Spec<Name>>(
  model: Model,
  track: (spec: SpecOf) => MemberSet,
): SetTable<Name, Member, SpecOf, SpecOf & { readonly members: ReadonlySet<Member> }> {
  type Item = SpecOf & { readonly members: ReadonlySet<Member> };
  const items = new Map<Name, Item>();
  const entries = new Map<Name, Entry<Name, Member, Item>>();
  const bySet = new Map<MemberSet, Entry<Name, Member, Item>>();
  let fresh: Item[] = [];
  const idle = new Set<Entry<Name, Member, Item>>();

  const create = (spec: SpecOf): Entry<Name, Member, Item> => {
    // What `track` of this table follows are members of this kind.
    const tracked = track(spec) as MemberSet & { readonly members: Set<Member> };
    const item = { ...spec, members: tracked.members };
    const entry = { name: spec.name, item, tracked, users: { audit: 0, accept: 0, strict: 0 } };
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
      const { accept, strict } = entry.users;
      canDeny ||= strict > 0 || (accept > 0 && change.leave.length > 0);
      changes.push({ name: entry.name, join: change.join as Member[], leave: change.leave as Member[] });
    }
    return { changes, canDeny };
  };

  return {
    items,
    acquire(spec, use) {
      const entry = entries.get(spec.name) ?? create(spec);
      entry.users[use]++;
      idle.delete(entry);
    },
    release(name, use) {
      const entry = entries.get(name);
      if (entry === undefined) throw new Error(`${name} is released without being held`);
      entry.users[use]--;
      if (entry.users.audit + entry.users.accept + entry.users.strict === 0) idle.add(entry);
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
