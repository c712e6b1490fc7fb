import type { ClauseListName, Group, GroupName, Pair, PairSet, PairSetName } from "../ir/ruleset.ts";
import { pairOf } from "../ir/decide.ts";
import type { Model } from "../model/model.ts";
import { addressSetContains } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import type { DomainSetTable } from "./domain-set-table.ts";
import { createDomainSetTable } from "./domain-set-table.ts";
import type { GroupSpec, PairSetSpec, Part } from "./lower.ts";
import type { PartList } from "./part-list.ts";
import type { SetTable, SetUse } from "./set-table.ts";
import { createSetTable } from "./set-table.ts";

interface Held {
  readonly list: PartList;
  /** How many have it: of those that are enforced, or of those of audits. */
  chains: number;
}

/**
 * The lists of parts that chains of this node have, with the groups, pair sets and domain sets that these need: what
 * a thousand policies need is counted once for the list, not once a chain.
 */
export interface ListTable {
  readonly groups: SetTable<GroupName, Address, GroupSpec, Group>;
  readonly pairSets: SetTable<PairSetName, Pair, PairSetSpec, PairSet>;
  readonly domainSets: DomainSetTable;
  /**
   * `audit`: nothing that is done depends on the chain. Gives the list of this name that is held: chains that have it
   * share its clauses.
   */
  acquire(list: PartList, audit: boolean): PartList;
  release(list: PartList, audit: boolean): void;
}

export function createListTable(model: Model): ListTable {
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
  const users = { enforced: new Map<ClauseListName, Held>(), audit: new Map<ClauseListName, Held>() };

  return {
    groups,
    pairSets,
    domainSets,
    acquire(list, audit) {
      if (list.name === null) return list;
      const ofUse = audit ? users.audit : users.enforced;
      const held = ofUse.get(list.name);
      if (held !== undefined) {
        held.chains++;
        return held.list;
      }
      const shared = (audit ? users.enforced : users.audit).get(list.name)?.list ?? list;
      ofUse.set(list.name, { list: shared, chains: 1 });
      for (const part of list.parts) {
        const use = useBy(part, audit);
        for (const group of part.groups) groups.acquire(group, use);
        for (const pairSet of part.pairSets) pairSets.acquire(pairSet, use);
        for (const domainSet of part.domainSets) domainSets.acquire(domainSet);
      }
      return shared;
    },
    release(list, audit) {
      if (list.name === null) return;
      const ofUse = audit ? users.audit : users.enforced;
      const held = ofUse.get(list.name);
      if (held === undefined) throw new Error(`${list.name} is released without being held`);
      held.chains--;
      if (held.chains > 0) return;
      ofUse.delete(list.name);
      for (const part of list.parts) {
        const use = useBy(part, audit);
        for (const group of part.groups) groups.release(group.name, use);
        for (const pairSet of part.pairSets) pairSets.release(pairSet.name, use);
        for (const domainSet of part.domainSets) domainSets.release(domainSet.name);
      }
    },
  };
}

/** Where some clause denies, or passes over clauses that would accept, more members can mean less accepted. */
function useBy(part: Part, audit: boolean): SetUse {
  if (audit) return "audit";
  return part.clauses.some((clause) => clause.action !== "accept") ? "strict" : "accept";
}
