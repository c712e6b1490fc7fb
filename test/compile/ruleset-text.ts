import type { RulesetChange } from "../../src/ir/change.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";

const plain = (_: string, value: unknown): unknown => {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Set) return [...value].map(String).sort();
  return value;
};

const lines = <Value>(what: string, map: ReadonlyMap<string, Value>): string[] =>
  [...map].map(([name, value]) => `${what} ${name} ${JSON.stringify(value, plain)}`).sort();

/** Text that two Rulesets share exactly if they say the same, one line for each thing in it. */
export function rulesetText(ruleset: Ruleset): string {
  return [
    `node ${JSON.stringify(ruleset.node, plain)}`,
    ...lines("endpoint", ruleset.endpoints),
    ...lines("chain", ruleset.chains),
    ...lines("group", ruleset.groups),
    ...lines("pairs", ruleset.pairSets),
    ...lines("domains", ruleset.domainSets),
  ].join("\n");
}

/** A copy that later changes of a live view do not reach. */
export function frozen(ruleset: Ruleset): Ruleset {
  const copied = <Name, Member, Item extends { readonly members: ReadonlySet<Member> }>(
    sets: ReadonlyMap<Name, Item>,
  ): ReadonlyMap<Name, Item> =>
    new Map([...sets].map(([name, set]) => [name, { ...set, members: new Set(set.members) }]));
  return {
    node: ruleset.node,
    endpoints: new Map(ruleset.endpoints),
    chains: new Map(ruleset.chains),
    groups: copied(ruleset.groups),
    pairSets: copied(ruleset.pairSets),
    domainSets: new Map(ruleset.domainSets),
  };
}

/** Whether a change says that nothing is different. */
export function isEmptyChange(change: RulesetChange): boolean {
  return Object.values(change).every((value) => !Array.isArray(value) || value.length === 0) && change.node === null;
}
