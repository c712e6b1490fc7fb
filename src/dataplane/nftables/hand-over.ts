import { diffPrograms, type KernelProgram } from "./diff.ts";
import type { ElementData, Program, ProgramChain, ProgramSet, Rule } from "./program.ts";
import { layoutSetName, layoutVersion } from "./render/base-sets.ts";
import type { Statement, Verdict } from "./statement.ts";
import type { Step } from "./step.ts";

/** What names of the interim end with, by the layout that they lead to: two layouts never share one either. */
const interimOf = (version: number): string => `/interim${version}`;
const isInterim = (name: string): boolean => lastingName(name) !== name;

/** How the table is built that the kernel holds; null: it does not say so (it is of the first layout, or half of one). */
export function layoutInForce(have: Program): number | null {
  const [version, ...more] = have.sets.get(layoutSetName)?.elements.keys() ?? [];
  return version === undefined || more.length > 0 ? null : Number(version);
}

/** Whether it is built otherwise than we build one, whoever made it: an older agent, a later one, a hand-over that ended early. */
export function isOtherLayout(have: KernelProgram): boolean {
  return layoutInForce(have) !== layoutVersion || isHalfWay(have);
}

/** Whether a hand-over ended early: then nothing can be said of what is in force. */
export function isHalfWay(have: Program): boolean {
  return [...have.chains.keys(), ...have.sets.keys()].some(isInterim);
}

/**
 * From a table of another layout to ours. Chains of two layouts may share a name and nothing else, so a packet that is
 * under way must never meet both: all of ours is made under other names first, then the hooks are switched to it, then
 * the old goes; and the same again back to our own names. In each transaction sets and maps that packets under way ask
 * keep what they hold. Counters keep their names, and their values.
 */
export function handOver(
  have: KernelProgram,
  want: Program,
  version: number = layoutVersion,
): readonly (readonly Step[])[] {
  const between = renamed(want, (name) => name + interimOf(version));
  return [diffPrograms(have, between).steps, diffPrograms(between, want).steps];
}

/** The name without what an interim adds. */
export function lastingName(name: string): string {
  return name.replace(/\/interim\d+$/, "");
}

/**
 * The same program, its chains (but for those on hooks) and sets under other names. What was learned of domain names
 * keeps its own: these names are contents in every layout, and what is in such a set cannot be had again.
 */
export function renamed(program: Program, renaming: (name: string) => string): Program {
  const hooks = new Set([...program.chains.values()].filter(({ hook }) => hook !== null).map(({ name }) => name));
  const rename = (name: string): string => (program.sets.get(name)?.learned === true ? name : renaming(name));
  const verdict = (one: Verdict): Verdict =>
    one.kind === "jump" || one.kind === "goto" ? { ...one, chain: rename(one.chain) } : one;
  const data = (one: ElementData): ElementData => (one !== null && typeof one === "object" ? verdict(one) : one);
  const statement = (one: Statement): Statement => {
    switch (one.kind) {
      case "lookup":
      case "limit-each":
      case "ct-mark-lookup":
        return { ...one, set: rename(one.set) };
      case "verdict-map":
      case "counter-map":
        return { ...one, map: rename(one.map) };
      case "verdict":
        return { ...one, verdict: verdict(one.verdict) };
      default:
        return one;
    }
  };
  const rule = (one: Rule): Rule => ({ ...one, statements: one.statements.map(statement) });
  const chains = [...program.chains.values()].map((chain): ProgramChain => ({
    ...chain,
    name: hooks.has(chain.name) ? chain.name : rename(chain.name),
    rules: chain.rules.map(rule),
  }));
  const sets = [...program.sets.values()].map((set): ProgramSet => ({
    ...set,
    name: rename(set.name),
    elements: new Map([...set.elements].map(([key, value]) => [key, data(value)])),
  }));
  return {
    table: program.table,
    counters: program.counters,
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    sets: new Map(sets.map((set) => [set.name, set])),
  };
}
