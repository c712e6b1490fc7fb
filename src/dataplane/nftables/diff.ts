import { addObjects, deleteObjects, loadStep, replaceChain, replaceElements } from "./change.ts";
import { sameData } from "./mirror.ts";
import type { ElementData, ElementKey, Program, ProgramChain, ProgramSet } from "./program.ts";
import type { Operation, Step } from "./step.ts";
import { elementText, ruleText, setHead } from "./text.ts";

/** What has to be done, and what was found different, one line each. */
export interface ProgramDiff {
  readonly steps: readonly Step[];
  readonly differences: readonly string[];
}

/** A program as it was read back. */
export interface KernelProgram extends Program {
  /** Somebody put the table to sleep: nothing in it has any effect. Adding it again wakes it. */
  readonly dormant?: boolean;
}

/** Lines about elements of one set; what is more is counted. */
const mostElementLines = 5;

/**
 * Brings the kernel's table from `have` to `want` in three transactions (see change.ts), touching only what differs:
 * counters keep their values. Where something cannot be changed in place (a set of another type, a chain on another
 * hook), the table is replaced as a whole in one transaction.
 */
export function diffPrograms(have: KernelProgram | null, want: Program): ProgramDiff {
  if (have === null) return { steps: [loadStep(want)], differences: [`table inet ${want.table} is missing`] };
  const misfits = misfitsOf(have, want);
  if (misfits.length > 0) {
    const { operations } = loadStep(want);
    return { steps: [{ operations: [{ kind: "delete-table" }, ...operations] }], differences: misfits };
  }
  const differences: string[] = [];
  const woken: Operation[] = have.dormant === true ? [{ kind: "add-table" }] : [];
  if (woken.length > 0) differences.push(`table inet ${want.table} was put to sleep (flags dormant)`);
  const added = addObjects({
    chains: missing(have.chains, want.chains, "chain", differences),
    sets: missing(have.sets, want.sets, "set", differences),
    counters: missing(have.counters, want.counters, "counter", differences),
  });
  const changed = [...woken, ...setChanges(have, want, differences), ...chainChanges(have, want, differences)];
  const removed = deleteObjects({
    chains: surplus(have.chains, want.chains, "chain", differences),
    sets: surplus(have.sets, want.sets, "set", differences),
    counters: surplus(have.counters, want.counters, "counter", differences),
  });
  const steps = [added, changed, removed].filter((operations) => operations.length > 0);
  return { steps: steps.map((operations) => ({ operations })), differences };
}

function misfitsOf(have: Program, want: Program): string[] {
  const sets = [...want.sets.values()].filter((set) => {
    const there = have.sets.get(set.name);
    return there !== undefined && setHead(there) !== setHead(set);
  });
  const chains = [...want.chains.values()].filter((chain) => {
    const there = have.chains.get(chain.name);
    return there !== undefined && (!isSamePlace(there, chain) || isElsewhere(there));
  });
  return [
    ...sets.map(({ name }) => `set ${name} is of another type`),
    ...chains.map(({ name }) => `chain ${name} is on another hook`),
  ];
}

const isSamePlace = (a: ProgramChain, b: ProgramChain): boolean =>
  a.hook === b.hook && (a.priority ?? 0) === (b.priority ?? 0);

/** Of another type: read back as a first rule that tells of it. It cannot be changed in place, nor can hook and priority. */
function isElsewhere({ hook, rules }: ProgramChain): boolean {
  const first = rules[0]?.statements[0];
  if (hook === null || first?.kind !== "foreign") return false;
  const [, type] = /^type (\S+) hook \S+ priority \S+ policy /.exec(first.expressions) ?? [];
  return type !== undefined && type !== "filter";
}

type Named = ReadonlyMap<string, { readonly name: string }>;

function missing<T extends { readonly name: string }>(
  have: Named,
  want: ReadonlyMap<string, T>,
  kind: string,
  differences: string[],
): T[] {
  const found = [...want.values()].filter(({ name }) => !have.has(name));
  for (const { name } of found) differences.push(`${kind} ${name} is missing`);
  return found;
}

function surplus<T extends { readonly name: string }>(
  have: ReadonlyMap<string, T>,
  want: Named,
  kind: string,
  differences: string[],
): T[] {
  const found = [...have.values()].filter(({ name }) => !want.has(name));
  for (const { name } of found) differences.push(`${kind} ${name} is not ours any more`);
  return found;
}

function setChanges(have: Program, want: Program, differences: string[]): Operation[] {
  return [...want.sets.values()].flatMap((set) => {
    const there = have.sets.get(set.name);
    return there === undefined ? [] : elementDiff(there, set, differences);
  });
}

function elementDiff(have: ProgramSet, want: ProgramSet, differences: string[]): Operation[] {
  const gone: ElementKey[] = [];
  const come = new Map<ElementKey, ElementData>();
  const lines: string[] = [];
  for (const [key, data] of want.elements) {
    const there = have.elements.get(key);
    if (sameData(there, data)) continue;
    come.set(key, data);
    if (there !== undefined) gone.push(key);
    lines.push(`set ${want.name}: ${elementText(key, data)} is ${there === undefined ? "missing" : "different"}`);
  }
  for (const [key, data] of have.elements) {
    if (want.elements.has(key)) continue;
    gone.push(key);
    lines.push(`set ${want.name}: ${elementText(key, data)} does not belong there`);
  }
  differences.push(...lines.slice(0, mostElementLines));
  if (lines.length > mostElementLines) {
    differences.push(`set ${want.name}: ${lines.length - mostElementLines} elements more`);
  }
  return replaceElements(want, gone, come);
}

function chainChanges(have: Program, want: Program, differences: string[]): Operation[] {
  return [...want.chains.values()].flatMap((chain) => {
    const there = have.chains.get(chain.name);
    if (there === undefined || sameRules(there, chain)) return [];
    differences.push(`chain ${chain.name} has other rules`);
    // Adding a base chain again gives it back its policy.
    const policy: Operation[] = chain.hook === null ? [] : [{ kind: "add-chain", chain }];
    return [...policy, ...replaceChain(want, chain.name)];
  });
}

function sameRules(a: ProgramChain, b: ProgramChain): boolean {
  return (
    a.rules.length === b.rules.length &&
    a.rules.every((rule, index) => {
      const other = b.rules[index];
      return other !== undefined && ruleText(rule) === ruleText(other);
    })
  );
}
