import type { DomainSet, DomainSetName } from "../ir/ruleset.ts";

/** The domain sets that chains of this node use. What is in them is not known here. */
export interface DomainSetTable {
  readonly items: ReadonlyMap<DomainSetName, DomainSet>;
  acquire(set: DomainSet): void;
  release(name: DomainSetName): void;
  /** Forgets what nobody uses. That a set goes denies nothing: the chain that used it is another one then. */
  commit(): { readonly fresh: readonly DomainSet[]; readonly gone: readonly DomainSetName[] };
}

export function createDomainSetTable(): DomainSetTable {
  const items = new Map<DomainSetName, DomainSet>();
  const users = new Map<DomainSetName, number>();
  let fresh: DomainSet[] = [];
  const idle = new Set<DomainSetName>();
  return {
    items,
    acquire(set) {
      const { name } = set;
      if (!items.has(name)) {
        items.set(name, set);
        fresh.push(set);
      }
      users.set(name, (users.get(name) ?? 0) + 1);
      idle.delete(name);
    },
    release(name) {
      const count = users.get(name) ?? 0;
      if (count === 0) throw new Error(`${name} is released without being held`);
      users.set(name, count - 1);
      if (count === 1) idle.add(name);
    },
    commit() {
      const gone = [...idle];
      for (const name of gone) {
        items.delete(name);
        users.delete(name);
      }
      idle.clear();
      const came = fresh;
      fresh = [];
      return { fresh: came, gone };
    },
  };
}
