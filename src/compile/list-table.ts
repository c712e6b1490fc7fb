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

/**
 * The lists of parts that chains of this node have, with the groups, pair sets and domain sets that these need: what
 * a thousand policies need is counted once for the list, not once a chain.
 */
export interface ListTable {
  readonly groups: SetTable<GroupName, Address, GroupSpec, Group>;
  readonly pairSets: SetTable<PairSetName, Pair, PairSetSpec, PairSet>;
  readonly domainSets: DomainSetTable;
  /** `audit`: nothing that is done depends on the chain. */
  acquire(list: PartList, audit: boolean): void;
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
  /** How many chains have a list: those that are enforced, and those of audits. */
  const users = { enforced: new Map<ClauseListName, number>(), audit: new Map<ClauseListName, number>() };

  return {
    groups,
    pairSets,
    domainSets,
    acquire(list, audit) {
      const counts = audit ? users.audit : users.enforced;
      if (list.name === null) return;
      const count = counts.get(list.name) ?? 0;
      counts.set(list.name, count + 1);
      if (count > 0) return;
      for (const part of list.parts) {
        const use = useBy(part, audit);
        for (const group of part.groups) groups.acquire(group, use);
        for (const pairSet of part.pairSets) pairSets.acquire(pairSet, use);
        for (const domainSet of part.domainSets) domainSets.acquire(domainSet);
      }
    },
    release(list, audit) {
      const counts = audit ? users.audit : users.enforced;
      if (list.name === null) return;
      const count = counts.get(list.name) ?? 0;
      if (count === 0) throw new Error(`${list.name} is released without being held`);
      if (count > 1) {
        counts.set(list.name, count - 1);
        return;
      }
      counts.delete(list.name);
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
