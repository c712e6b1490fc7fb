import type { Touched } from "./lookup-order.ts";
import type { StoreChange } from "./object-store.ts";
import type { ElementData, ElementKey, Program, ProgramChain, ProgramCounter, ProgramSet } from "./program.ts";
import { generationChainName } from "./render/base-chains.ts";
import { generationSetName } from "./render/base-sets.ts";
import type { Operation, Step } from "./step.ts";
import { sameData } from "./mirror.ts";

/** Objects that come, or go, in one transaction. */
export interface Objects {
  readonly chains: readonly ProgramChain[];
  readonly sets: readonly ProgramSet[];
  readonly counters: readonly ProgramCounter[];
}

/**
 * A change in up to three transactions, each of which leaves the kernel closed and loses nothing: (1) whole objects
 * that nothing refers to yet, (2) elements and the generation, (3) what nothing refers to any more. Fewer would not do:
 * a packet keeps the rules it started with but looks up current elements (measured: one transaction lets packets slip).
 * For the same reason some elements come and go only in the third, when nobody can see it any more (lookup-order.ts).
 */
export function changeSteps(program: Program, change: StoreChange): readonly Step[] {
  const { late, touched } = change;
  const isLate = (set: string, key: ElementKey): boolean => late.get(set)?.has(key) === true;
  const steps = [
    addObjects(objectsOf(program, change.added)),
    flips(program, touched, (set, key) => !isLate(set, key)),
    [...(late.size === 0 ? [] : flips(program, touched, isLate)), ...deleteObjects(goneObjects(change))],
  ];
  return steps.filter((operations) => operations.length > 0).map((operations) => ({ operations }));
}

/** The parts as they are in the program (a part's set has no elements). */
function objectsOf(program: Program, parts: StoreChange["added"]): Objects {
  const chains: ProgramChain[] = [];
  const sets: ProgramSet[] = [];
  const counters: ProgramCounter[] = [];
  for (const { object } of parts) {
    if (object.kind === "chain") chains.push(object.chain);
    else if (object.kind === "counter") counters.push(object.counter);
    else sets.push(program.sets.get(object.set.name) ?? object.set);
  }
  return { chains, sets, counters };
}

function goneObjects(change: StoreChange): Objects {
  return objectsOf({ table: "", chains: new Map(), sets: new Map(), counters: new Map() }, change.removed);
}

/** In the order in which they can refer to each other: elements name chains and counters, rules name all. */
export function addObjects({ chains, sets: unordered, counters }: Objects): Operation[] {
  const sets = mostAskedFirst(unordered, chains);
  return [
    ...counters.map((counter): Operation => ({ kind: "add-counter", counter })),
    ...sets.map((set): Operation => ({ kind: "add-set", set })),
    ...chains.map((chain): Operation => ({ kind: "add-chain", chain })),
    ...sets.flatMap((set): Operation[] =>
      set.elements.size === 0 ? [] : [{ kind: "add-elements", set, elements: new Map(set.elements) }],
    ),
    ...chains.flatMap(({ name, rules }) => rules.map((rule): Operation => ({ kind: "add-rule", chain: name, rule }))),
  ];
}

/**
 * For each rule that asks a set the kernel looks the set up by its name, among all sets of the table in the order in
 * which they came: where there are thousands, half the cost of a rule.
 */
function mostAskedFirst(sets: readonly ProgramSet[], chains: readonly ProgramChain[]): readonly ProgramSet[] {
  const asked = new Map<string, number>();
  for (const { rules } of chains) {
    for (const { statements } of rules) {
      for (const statement of statements) {
        const name = "set" in statement ? statement.set : "map" in statement ? statement.map : null;
        if (name !== null) asked.set(name, (asked.get(name) ?? 0) + 1);
      }
    }
  }
  return sets.toSorted((a, b) => (asked.get(b.name) ?? 0) - (asked.get(a.name) ?? 0));
}

/** Rules and elements first: they hold references. Maps are flushed because kernels before 6.4 keep them till later. */
export function deleteObjects({ chains, sets, counters }: Objects): Operation[] {
  return [
    ...chains.map(({ name }): Operation => ({ kind: "flush-chain", name })),
    ...sets.filter(({ data }) => data !== "none").map((set): Operation => ({ kind: "flush-set", set })),
    ...sets.map(({ name }): Operation => ({ kind: "delete-set", name })),
    ...chains.map(({ name }): Operation => ({ kind: "delete-chain", name })),
    ...counters.map(({ name }): Operation => ({ kind: "delete-counter", name })),
  ];
}

function flips(program: Program, touched: Touched, isOfThese: (set: string, key: ElementKey) => boolean): Operation[] {
  const operations: Operation[] = [];
  for (const [name, keys] of touched) {
    const set = program.sets.get(name);
    if (set === undefined) throw new Error(`elements of ${name} changed, which is not there`);
    const change = elementChange(set, keys, isOfThese);
    operations.push(...change);
    // Its rule and its element change together.
    if (name === generationSetName && change.length > 0) operations.push(...replaceChain(program, generationChainName));
  }
  return operations;
}

/** Brings elements from what they were (undefined: absent) to what the set holds now. */
function elementChange(
  set: ProgramSet,
  before: ReadonlyMap<ElementKey, ElementData | undefined>,
  isOfThese: (set: string, key: ElementKey) => boolean,
): Operation[] {
  const gone: ElementKey[] = [];
  const come = new Map<ElementKey, ElementData>();
  for (const [key, old] of before) {
    const now = set.elements.get(key);
    if (sameData(old, now) || !isOfThese(set.name, key)) continue;
    if (old !== undefined) gone.push(key);
    if (now !== undefined) come.set(key, now);
  }
  return replaceElements(set, gone, come);
}

/** An element with other data is one that goes and one that comes: one transaction, so nobody sees it missing. */
export function replaceElements(
  set: ProgramSet,
  gone: readonly ElementKey[],
  come: ReadonlyMap<ElementKey, ElementData>,
): Operation[] {
  const operations: Operation[] = [];
  if (gone.length > 0) operations.push({ kind: "delete-elements", set, keys: gone });
  if (come.size > 0) operations.push({ kind: "add-elements", set, elements: come });
  return operations;
}

/** The rules of a chain as the program has them, in place of what the kernel has. */
export function replaceChain(program: Program, name: string): Operation[] {
  const rules = program.chains.get(name)?.rules ?? [];
  return [{ kind: "flush-chain", name }, ...rules.map((rule): Operation => ({ kind: "add-rule", chain: name, rule }))];
}

/** The whole program into a kernel that has no table of this name, at once. */
export function loadStep({ chains, sets, counters }: Program): Step {
  const objects = { chains: [...chains.values()], sets: [...sets.values()], counters: [...counters.values()] };
  return { operations: [{ kind: "add-table" }, ...addObjects(objects)] };
}
