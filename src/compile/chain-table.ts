import type { Chain, ChainName } from "../ir/ruleset.ts";
import type { ChainParts } from "./chain.ts";
import { chainName, chainOf, isAudit, listsOf } from "./chain.ts";
import type { ListTable } from "./list-table.ts";

interface Entry {
  readonly chain: Chain;
  readonly parts: ChainParts;
  /** Uses by (class, direction). */
  users: number;
}

/** The chains that pods of this node use. */
export interface ChainTable {
  readonly chains: ReadonlyMap<ChainName, Chain>;
  acquire(parts: ChainParts): ChainName;
  release(name: ChainName): void;
  /** What a chain is made of; one that was released stays known until the commit. */
  partsOf(name: ChainName): ChainParts;
  /**
   * Forgets what nobody uses. To be called before the sets of its lists commit, and once after everything was settled:
   * what came since the last commit is in use then.
   */
  commit(): { readonly fresh: readonly Chain[]; readonly gone: readonly ChainName[] };
}

export function createChainTable(lists: ListTable): ChainTable {
  const chains = new Map<ChainName, Chain>();
  const entries = new Map<ChainName, Entry>();
  let fresh: Chain[] = [];
  const idle = new Set<Entry>();

  const create = (name: ChainName, made: ChainParts): Entry => {
    const audit = isAudit(made);
    const parts: ChainParts = {
      ...made,
      admin: lists.acquire(made.admin, audit),
      networkPolicy: made.networkPolicy === null ? null : lists.acquire(made.networkPolicy, audit),
      baseline: lists.acquire(made.baseline, audit),
    };
    const entry: Entry = { chain: chainOf(name, parts), parts, users: 0 };
    chains.set(name, entry.chain);
    entries.set(name, entry);
    fresh.push(entry.chain);
    return entry;
  };
  const forget = ({ chain, parts }: Entry): void => {
    chains.delete(chain.name);
    entries.delete(chain.name);
    for (const list of listsOf(parts)) lists.release(list, isAudit(parts));
  };
  const held = (name: ChainName): Entry => {
    const entry = entries.get(name);
    if (entry === undefined) throw new Error(`${name} is asked for without being held`);
    return entry;
  };

  return {
    chains,
    acquire(parts) {
      const name = chainName(parts);
      const entry = entries.get(name) ?? create(name, parts);
      entry.users++;
      idle.delete(entry);
      return name;
    },
    release(name) {
      const entry = held(name);
      entry.users--;
      if (entry.users === 0) idle.add(entry);
    },
    partsOf: (name) => held(name).parts,
    commit() {
      const gone: ChainName[] = [];
      for (const entry of idle) {
        forget(entry);
        gone.push(entry.chain.name);
      }
      idle.clear();
      const came = fresh;
      fresh = [];
      return { fresh: came, gone };
    },
  };
}
