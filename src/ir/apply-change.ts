import type { MemberChange, RulesetChange } from "./change.ts";
import type { Ruleset } from "./ruleset.ts";

/**
 * The Ruleset after a change, as a value of its own: the definition of what a RulesetChange means. Copies every map
 * (tests and checks can afford that; dataplanes apply changes in place). Throws where the change does not fit.
 */
export function applyChange(ruleset: Ruleset, change: RulesetChange): Ruleset {
  const endpoints = new Map(ruleset.endpoints);
  for (const address of change.goneEndpoints) take(endpoints, address);
  for (const endpoint of change.endpoints) endpoints.set(endpoint.address, endpoint);
  const chains = new Map(ruleset.chains);
  for (const chain of change.newChains) bring(chains, chain);
  for (const name of change.goneChains) take(chains, name);
  const domainSets = new Map(ruleset.domainSets);
  for (const name of change.goneDomainSets) take(domainSets, name);
  for (const set of change.newDomainSets) bring(domainSets, set);
  return {
    node: change.node ?? ruleset.node,
    endpoints,
    chains,
    groups: changedSets(ruleset.groups, change.newGroups, change.groups, change.goneGroups),
    pairSets: changedSets(ruleset.pairSets, change.newPairSets, change.pairSets, change.gonePairSets),
    domainSets,
  };
}

function changedSets<Name, Member, Item extends { readonly name: Name; readonly members: ReadonlySet<Member> }>(
  before: ReadonlyMap<Name, Item>,
  fresh: readonly Item[],
  changes: readonly MemberChange<Name, Member>[],
  gone: readonly Name[],
): ReadonlyMap<Name, Item> {
  const sets = new Map(before);
  for (const change of changes) {
    const set = sets.get(change.name);
    if (set === undefined) throw new Error(`members change in ${String(change.name)}, which is not there`);
    sets.set(change.name, { ...set, members: changedMembers(set.members, change) });
  }
  for (const name of gone) take(sets, name);
  for (const set of fresh) bring(sets, { ...set, members: new Set(set.members) });
  return sets;
}

function changedMembers<Name, Member>(
  before: ReadonlySet<Member>,
  change: MemberChange<Name, Member>,
): ReadonlySet<Member> {
  const members = new Set(before);
  for (const member of change.leave) {
    if (!members.delete(member)) throw new Error(`${String(member)} leaves ${String(change.name)} without being in it`);
  }
  for (const member of change.join) {
    if (members.has(member)) throw new Error(`${String(member)} joins ${String(change.name)} a second time`);
    members.add(member);
  }
  return members;
}

function take<Name>(map: Map<Name, unknown>, name: Name): void {
  if (!map.delete(name)) throw new Error(`${String(name)} goes without being there`);
}

function bring<Name, Item extends { readonly name: Name }>(map: Map<Name, Item>, item: Item): void {
  if (map.has(item.name)) throw new Error(`${String(item.name)} is new, but there already`);
  map.set(item.name, item);
}
