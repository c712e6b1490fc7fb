import { pairOf } from "../ir/decide.ts";
import type { Chain, ChainName, Group, GroupName, Pair, PairSet, PairSetName } from "../ir/ruleset.ts";
import type { Model } from "../model/model.ts";
import { addressSetContains } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import type { ChainParts } from "./chain.ts";
import { chainName, chainOf, isAudit, partsOf } from "./chain.ts";
import type { DomainSetTable } from "./domain-set-table.ts";
import { createDomainSetTable } from "./domain-set-table.ts";
import type { GroupSpec, PairSetSpec, Part } from "./lower.ts";
import type { SetTable, SetUse } from "./set-table.ts";
import { createSetTable } from "./set-table.ts";

interface Entry {
  readonly chain: Chain;
  readonly parts: ChainParts;
  /** Uses by (class, direction). */
  users: number;
}

/** The chains that pods of this node use, with the groups, pair sets and domain sets that these need. */
export interface ChainTable {
  readonly chains: ReadonlyMap<ChainName, Chain>;
  readonly groups: SetTable<GroupName, Address, GroupSpec, Group>;
  readonly pairSets: SetTable<PairSetName, Pair, PairSetSpec, PairSet>;
  readonly domainSets: DomainSetTable;
  acquire(parts: ChainParts): ChainName;
  release(name: ChainName): void;
  /** What a chain is made of; one that was released stays known until the commit. */
  partsOf(name: ChainName): ChainParts;
  /**
   * Forgets what nobody uses. To be called before the sets commit, and once after everything was settled: what came
   * since the last commit is in use then.
   */
  commit(): { readonly fresh: readonly Chain[]; readonly gone: readonly ChainName[] };
}

export function createChainTable(model: Model): ChainTable {
  const chains = new Map<ChainName, Chain>();
  const entries = new Map<ChainName, Entry>();
  const groups = createSetTable<GroupName, Address, GroupSpec>(model, ({ picks }) =>
    picks.kind === "nodes" ? model.trackNodes(picks.selector) : model.track(picks.selection, (_, address) => [address]),
  );
  const pairSets = createSetTable<PairSetName, Pair, PairSetSpec>(model, (spec) =>
    model.track(spec.selection, (podClass, address) => {
      const ports = podClass.ports.filter((port) => port.name === spec.portName && port.protocol === spec.protocol);
      if (ports.length === 0 || (spec.within !== null && !addressSetContains(spec.within, address))) return [];
      return ports.map((port) => pairOf(address, port.port));
    }),
  );
  const domainSets = createDomainSetTable();
  let fresh: Chain[] = [];
  const idle = new Set<Entry>();

  const create = (name: ChainName, parts: ChainParts): Entry => {
    const entry: Entry = { chain: chainOf(name, parts), parts, users: 0 };
    chains.set(name, entry.chain);
    entries.set(name, entry);
    fresh.push(entry.chain);
    for (const part of partsOf(parts)) {
      for (const group of part.groups) groups.acquire(group, useBy(part, parts));
      for (const pairSet of part.pairSets) pairSets.acquire(pairSet, useBy(part, parts));
      for (const domainSet of part.domainSets) domainSets.acquire(domainSet);
    }
    return entry;
  };
  const forget = (entry: Entry): void => {
    chains.delete(entry.chain.name);
    entries.delete(entry.chain.name);
    for (const part of partsOf(entry.parts)) {
      for (const group of part.groups) groups.release(group.name, useBy(part, entry.parts));
      for (const pairSet of part.pairSets) pairSets.release(pairSet.name, useBy(part, entry.parts));
      for (const domainSet of part.domainSets) domainSets.release(domainSet.name);
    }
  };
  const held = (name: ChainName): Entry => {
    const entry = entries.get(name);
    if (entry === undefined) throw new Error(`${name} is asked for without being held`);
    return entry;
  };

  return {
    chains,
    groups,
    pairSets,
    domainSets,
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

/** Where some clause denies, or passes over clauses that would accept, more members can mean less accepted. */
function useBy(part: Part, parts: ChainParts): SetUse {
  if (isAudit(parts)) return "audit";
  return part.clauses.some((clause) => clause.action !== "accept") ? "strict" : "accept";
}
