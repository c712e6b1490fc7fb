import { LookupOrder, type Touched } from "./lookup-order.ts";
import { MemberTable } from "./members.ts";
import type { ElementData, Program, ProgramChain, ProgramCounter, ProgramSet } from "./program.ts";
import type {
  Below,
  CounterSource,
  MembersName,
  Part,
  PartId,
  PartObject,
  Plan,
  UnionContent,
  UnionEntry,
} from "./render/part.ts";

interface Held {
  readonly part: Part;
  references: number;
}

interface Union extends UnionContent {
  readonly set: string;
  readonly family: 4 | 6;
}

type LearnedPart = Extract<PartObject, { kind: "learned" }>;

/** A set whose elements we change. */
interface LiveSet extends ProgramSet {
  readonly elements: Map<string, ElementData>;
}

/** What one change did to the objects and to the elements of sets that were there before it. */
export interface StoreChange {
  readonly added: readonly Part[];
  readonly removed: readonly Part[];
  /** By set and element: what was there before (undefined: nothing). */
  readonly touched: Touched;
  /** Elements that come or go only after all else has changed: by set. See lookup-order.ts. */
  readonly late: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * The mirror of our table: every object by name, with a count of what refers to it. An object is there while it is
 * held; what it uses is held by it. `take` hands out what happened since the last `take`.
 */
export class ObjectStore {
  readonly members = new MemberTable();
  readonly counterSources = new Map<string, CounterSource>();
  readonly #table: string;
  readonly #chains = new Map<string, ProgramChain>();
  readonly #sets = new Map<string, LiveSet>();
  readonly #counters = new Map<string, ProgramCounter>();
  readonly #held = new Map<PartId, Held>();
  /** Unions by each group or pair set that they take in. */
  readonly #unionsOf = new Map<MembersName, Set<Union>>();
  readonly #unions = new Map<string, Union>();
  /** Addresses that joined or left what a union takes in, in this change. */
  readonly #unsettled = new Map<Union, Set<string>>();
  readonly #learned = new Map<string, LearnedPart>();
  /** The set of a group or pair set, by `NAME/FAMILY`, where there is one. */
  readonly #memberSets = new Map<string, string>();
  #added = new Map<PartId, Part>();
  #removed = new Map<PartId, Part>();
  #touched = new Map<string, Map<string, ElementData | undefined>>();
  /** What `removeLate` said of this change. */
  #leaving = new Map<string, Set<string>>();
  readonly #lookups = new LookupOrder();

  constructor(table: string) {
    this.#table = table;
  }

  get program(): Program {
    return { table: this.#table, chains: this.#chains, sets: this.#sets, counters: this.#counters };
  }

  /** The sets of what is learned of names. */
  get learned(): readonly LearnedPart[] {
    return [...this.#learned.values()];
  }

  /** Base objects: never counted, never removed. */
  place(chains: readonly ProgramChain[], sets: readonly ProgramSet[], counters: readonly ProgramCounter[]): void {
    for (const chain of chains) this.#chains.set(chain.name, chain);
    for (const set of sets) this.#sets.set(set.name, { ...set, elements: new Map(set.elements) });
    for (const counter of counters) this.#counters.set(counter.name, counter);
  }

  /** Replaces a base chain. */
  replaceChain(chain: ProgramChain): void {
    this.#chains.set(chain.name, chain);
  }

  isHeld(id: PartId): boolean {
    return this.#held.has(id);
  }

  /** One more reference; what is not there yet is made from the plan. */
  hold(id: PartId, plan: Plan): void {
    const held = this.#held.get(id);
    if (held !== undefined) {
      held.references++;
      return;
    }
    if (this.#removed.has(id)) throw new Error(`${id} is needed again by the change that let it go`);
    const part = plan.get(id);
    if (part === undefined) throw new Error(`nothing says what ${id} is`);
    for (const used of part.uses) this.hold(used, plan);
    this.#held.set(id, { part, references: 1 });
    this.#place(part);
    this.#added.set(id, part);
  }

  /** One reference less; what nothing refers to goes, with its references. */
  release(id: PartId): void {
    const held = this.#held.get(id);
    if (held === undefined) throw new Error(`${id} is let go without being held`);
    if (--held.references > 0) return;
    this.#held.delete(id);
    this.#remove(held.part);
    if (!this.#added.delete(id)) this.#removed.set(id, held.part);
    for (const used of held.part.uses) this.release(used);
  }

  /** Sets an element of a base set, or removes it (undefined). */
  setElement(setName: string, key: string, data: ElementData | undefined): void {
    const set = this.#sets.get(setName);
    if (set === undefined) throw new Error(`no set ${setName}`);
    this.#touch(setName, key, set.elements.get(key));
    if (data === undefined) set.elements.delete(key);
    else set.elements.set(key, data);
  }

  /** Where the endpoints of a chain go on below the tier that they share. */
  below(chain: string): Below | null {
    return this.#held.get(`chain ${chain}`)?.part.below ?? null;
  }

  /** As `setElement`, but only when the rest of the change is done: packets under way may still need it. */
  removeLate(setName: string, key: string): void {
    this.setElement(setName, key, undefined);
    this.#leaving.set(setName, (this.#leaving.get(setName) ?? new Set()).add(key));
  }

  /** A member joins or leaves a group or pair set: its own set and every union that takes it in follow. */
  changeMember(name: MembersName, family: 4 | 6, key: string, joins: boolean): void {
    const members = this.members.of(name, family);
    if (members.has(key) === joins) throw new Error(`${key} ${joins ? "joins" : "leaves"} ${name} a second time`);
    const own = this.#memberSets.get(`${name}/${family}`);
    if (own !== undefined) this.#touch(own, key, joins ? undefined : null);
    if (joins) members.set(key, null);
    else members.delete(key);
    for (const union of this.#unionsOf.get(name) ?? []) {
      if (union.family === family) this.#unsettled.set(union, (this.#unsettled.get(union) ?? new Set()).add(key));
    }
  }

  /** Once a change for each address and union, however many of its groups the address left and joined. */
  #settleUnions(): void {
    for (const [union, keys] of this.#unsettled) {
      const elements = this.#unions.get(union.set) === union ? this.#sets.get(union.set)?.elements : undefined;
      if (elements === undefined) continue;
      for (const key of keys) {
        const counter = this.members.counterIn(union, union.family, key) ?? undefined;
        if (elements.get(key) !== counter) this.setElement(union.set, key, counter);
      }
    }
    this.#unsettled.clear();
  }

  take(): StoreChange {
    this.#settleUnions();
    for (const id of [...this.#added.keys(), ...this.#removed.keys()]) {
      if (id.startsWith("set ")) this.#touched.delete(id.slice("set ".length));
    }
    const [added, removed, touched] = [[...this.#added.values()], [...this.#removed.values()], this.#touched];
    const late = new Map([...this.#leaving, ...this.#lookups.late(touched, this.#sets)]);
    this.#leaving = new Map();
    const change = { added, removed, touched, late };
    this.#added = new Map();
    this.#removed = new Map();
    this.#touched = new Map();
    return change;
  }

  #touch(set: string, key: string, before: ElementData | undefined): void {
    const touched = this.#touched.get(set) ?? new Map<string, ElementData | undefined>();
    if (!touched.has(key)) touched.set(key, before);
    this.#touched.set(set, touched);
  }

  #place({ object }: Part): void {
    switch (object.kind) {
      case "chain":
        this.#chains.set(object.chain.name, object.chain);
        this.#lookups.add(object.chain);
        return;
      case "counter":
        this.#counters.set(object.counter.name, object.counter);
        this.counterSources.set(object.counter.name, object.source);
        return;
      case "learned":
        this.#learned.set(object.set.name, object);
        this.#sets.set(object.set.name, { ...object.set, elements: new Map() });
        return;
      case "set":
        this.#sets.set(object.set.name, { ...object.set, elements: new Map(object.set.elements) });
        return;
      case "members": {
        const elements: Map<string, ElementData> = this.members.of(object.of, object.family);
        this.#sets.set(object.set.name, { ...object.set, elements });
        this.#memberSets.set(`${object.of}/${object.family}`, object.set.name);
        return;
      }
      case "union": {
        const { set, entries, blocks, family } = object;
        const elements: Map<string, ElementData> = this.members.unionOf(object, family);
        this.#sets.set(set.name, { ...set, elements });
        const union: Union = { set: set.name, entries, blocks, family };
        this.#unions.set(set.name, union);
        for (const name of membersOf(entries)) {
          const unions = this.#unionsOf.get(name) ?? new Set<Union>();
          this.#unionsOf.set(name, unions.add(union));
        }
        return;
      }
    }
  }

  #remove({ object }: Part): void {
    switch (object.kind) {
      case "chain":
        this.#chains.delete(object.chain.name);
        this.#lookups.delete(object.chain);
        return;
      case "counter":
        this.#counters.delete(object.counter.name);
        this.counterSources.delete(object.counter.name);
        return;
      case "learned":
        this.#learned.delete(object.set.name);
        this.#sets.delete(object.set.name);
        return;
      case "set":
        this.#sets.delete(object.set.name);
        return;
      case "members": {
        this.#sets.delete(object.set.name);
        this.#memberSets.delete(`${object.of}/${object.family}`);
        return;
      }
      case "union": {
        this.#sets.delete(object.set.name);
        const union = this.#unions.get(object.set.name);
        this.#unions.delete(object.set.name);
        for (const name of membersOf(object.entries)) {
          const unions = this.#unionsOf.get(name);
          if (union !== undefined) unions?.delete(union);
          if (unions?.size === 0) this.#unionsOf.delete(name);
        }
        return;
      }
    }
  }
}

const membersOf = (entries: readonly UnionEntry[]): ReadonlySet<MembersName> =>
  new Set(entries.flatMap(({ members }) => members));
