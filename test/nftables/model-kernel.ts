import type {
  ElementData,
  Program,
  ProgramChain,
  ProgramCounter,
  ProgramSet,
  Rule,
} from "../../src/dataplane/nftables/program.ts";
import type { Statement } from "../../src/dataplane/nftables/statement.ts";
import type { Operation, Step } from "../../src/dataplane/nftables/step.ts";

interface Tables {
  readonly chains: Map<string, ProgramChain>;
  readonly sets: Map<string, ProgramSet>;
  readonly counters: Map<string, ProgramCounter>;
}

/** What nf_tables does with transactions, as far as we use it: refuses what the kernel would refuse, all or nothing. */
export class ModelKernel {
  program: Program | null = null;

  /** Throws, and changes nothing, where the kernel would answer with an error. */
  transact(step: Step): void {
    const before = this.program;
    const tables: Tables = {
      chains: new Map(before?.chains),
      sets: new Map(before?.sets),
      counters: new Map(before?.counters),
    };
    let name = before?.table ?? null;
    for (const operation of step.operations) {
      if (operation.kind === "add-table") name ??= "portcullis";
      else if (operation.kind === "delete-table") {
        must(name !== null, "there is no table");
        for (const map of Object.values(tables)) map.clear();
        name = null;
      } else {
        must(name !== null, "there is no table");
        apply(tables, operation);
      }
    }
    this.program = name === null ? null : { table: name, ...tables };
  }
}

function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(`the kernel refuses: ${otherwise}`);
}

function apply(tables: Tables, operation: Exclude<Operation, { kind: "add-table" | "delete-table" }>): void {
  const { chains, sets, counters } = tables;
  switch (operation.kind) {
    case "add-counter":
      must(!counters.has(operation.counter.name), `counter ${operation.counter.name} exists`);
      counters.set(operation.counter.name, operation.counter);
      return;
    case "add-set":
      must(!sets.has(operation.set.name), `set ${operation.set.name} exists`);
      sets.set(operation.set.name, { ...operation.set, elements: new Map() });
      return;
    case "add-chain":
      if (operation.chain.hook !== null && chains.has(operation.chain.name)) return;
      must(!chains.has(operation.chain.name), `chain ${operation.chain.name} exists`);
      chains.set(operation.chain.name, { ...operation.chain, rules: [] });
      return;
    case "add-elements":
      return changeElements(tables, operation.set.name, (elements) => addAll(tables, elements, operation.elements));
    case "delete-elements":
      return changeElements(tables, operation.set.name, (elements) => {
        for (const key of operation.keys) must(elements.delete(key), `${operation.set.name} has no ${key}`);
      });
    case "flush-set":
      return changeElements(tables, operation.set.name, (elements) => elements.clear());
    case "renew-elements":
      // What is learned is no part of any program.
      must(sets.has(operation.set.name), `no set ${operation.set.name}`);
      return;
    case "add-rule":
      for (const statement of operation.rule.statements) checkReferences(tables, statement);
      return changeRules(tables, operation.chain, (rules) => [...rules, operation.rule]);
    case "replace-rule":
      return changeRules(tables, operation.chain, (rules) => rules.with(operation.index, operation.rule));
    case "flush-chain":
      return changeRules(tables, operation.name, () => []);
    case "delete-set":
      must(!isUsed(tables, (text) => text === `set ${operation.name}`), `set ${operation.name} is in use`);
      must(sets.delete(operation.name), `no set ${operation.name}`);
      return;
    case "delete-chain":
      must(chains.get(operation.name)?.rules.length === 0, `chain ${operation.name} has rules`);
      must(!isUsed(tables, (text) => text === `chain ${operation.name}`), `chain ${operation.name} is in use`);
      must(chains.delete(operation.name), `no chain ${operation.name}`);
      return;
    case "delete-counter":
      must(!isUsed(tables, (text) => text === `counter ${operation.name}`), `counter ${operation.name} is in use`);
      must(counters.delete(operation.name), `no counter ${operation.name}`);
  }
}

function addAll(tables: Tables, elements: Map<string, ElementData>, added: ReadonlyMap<string, ElementData>): void {
  for (const [key, data] of added) {
    must(!elements.has(key), `element ${key} exists`);
    for (const reference of dataReferences(data)) checkReference(tables, reference);
    elements.set(key, data);
  }
}

function changeElements(tables: Tables, name: string, change: (elements: Map<string, ElementData>) => void): void {
  const set = tables.sets.get(name);
  must(set !== undefined, `no set ${name}`);
  const elements = new Map(set.elements);
  change(elements);
  tables.sets.set(name, { ...set, elements });
}

function changeRules(tables: Tables, name: string, change: (rules: readonly Rule[]) => readonly Rule[]): void {
  const chain = tables.chains.get(name);
  must(chain !== undefined, `no chain ${name}`);
  tables.chains.set(name, { ...chain, rules: change(chain.rules) });
}

function dataReferences(data: ElementData): string[] {
  if (data === null) return [];
  if (typeof data === "string") return [`counter ${data}`];
  return "chain" in data ? [`chain ${data.chain}`] : [];
}

function references(statement: Statement): string[] {
  switch (statement.kind) {
    case "lookup":
    case "ct-mark-lookup":
    case "limit-each":
      return [`set ${statement.set}`];
    case "verdict-map":
    case "counter-map":
      return [`set ${statement.map}`];
    case "counter":
      return [`counter ${statement.name}`];
    case "verdict":
      return dataReferences(statement.verdict);
    default:
      return [];
  }
}

function checkReferences(tables: Tables, statement: Statement): void {
  for (const reference of references(statement)) checkReference(tables, reference);
}

function checkReference({ chains, sets, counters }: Tables, reference: string): void {
  const [kind = "", name = ""] = reference.split(" ");
  const found = kind === "chain" ? chains.has(name) : kind === "set" ? sets.has(name) : counters.has(name);
  must(found, `${reference} does not exist`);
}

function isUsed({ chains, sets }: Tables, test: (reference: string) => boolean): boolean {
  const inRules = [...chains.values()].some(({ rules }) =>
    rules.some(({ statements }) => statements.some((statement) => references(statement).some(test))),
  );
  return (
    inRules ||
    [...sets.values()].some(({ elements }) => [...elements.values()].some((data) => dataReferences(data).some(test)))
  );
}
