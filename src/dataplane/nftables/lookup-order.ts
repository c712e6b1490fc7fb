import type { ElementData, ProgramChain, ProgramSet } from "./program.ts";

/** By set and element: what was there before a change (undefined: nothing). */
export type Touched = ReadonlyMap<string, ReadonlyMap<string, ElementData | undefined>>;

/** What a chain asks, in order: who is in a set that decides whatever the port goes no further. */
interface Asked {
  readonly set: string;
  readonly decides: boolean;
}

/**
 * In which order chains ask their sets of addresses. A packet asks one after the other, each as it is at that moment:
 * where an address goes from a set to one that is asked before it, a packet between the two would find it in neither,
 * and go on to what is for nobody in particular; where it comes to both, in the later only. So what changes in the
 * later one does so when the rest of the change is done, if nobody can see it then: in every chain that asks this set,
 * one that the address came to decides first.
 */
export class LookupOrder {
  readonly #askedBy = new Map<string, readonly Asked[]>();
  readonly #chainsOf = new Map<string, Set<string>>();

  add(chain: ProgramChain): void {
    const asked = askedBy(chain);
    this.#askedBy.set(chain.name, asked);
    for (const { set } of asked) this.#chainsOf.set(set, (this.#chainsOf.get(set) ?? new Set()).add(chain.name));
  }

  delete(chain: ProgramChain): void {
    for (const { set } of this.#askedBy.get(chain.name) ?? []) {
      const chains = this.#chainsOf.get(set);
      chains?.delete(chain.name);
      if (chains?.size === 0) this.#chainsOf.delete(set);
    }
    this.#askedBy.delete(chain.name);
  }

  /** What has to wait of all that comes and goes, by set. Costs something only for addresses that come. */
  late(touched: Touched, sets: ReadonlyMap<string, ProgramSet>): ReadonlyMap<string, ReadonlySet<string>> {
    const late = new Map<string, Set<string>>();
    const ofChains = [...touched].filter(([set]) => this.#chainsOf.has(set));
    if (ofChains.length < 2) return late;
    const joined = new Map<string, Set<string>>();
    for (const [set, keys] of ofChains) {
      for (const [key, before] of keys) {
        if (before !== undefined || sets.get(set)?.elements.has(key) !== true) continue;
        joined.set(key, (joined.get(key) ?? new Set()).add(set));
      }
    }
    for (const [set, keys] of ofChains) {
      for (const key of keys.keys()) {
        const others = joined.get(addressOf(key));
        if (others === undefined || !this.#isHidden(set, others)) continue;
        late.set(set, (late.get(set) ?? new Set()).add(key));
      }
    }
    return late;
  }

  /** Whether each chain that asks the set asks one of the others before. */
  #isHidden(set: string, others: ReadonlySet<string>): boolean {
    return [...(this.#chainsOf.get(set) ?? [])].every((chain) => {
      const first = this.#askedBy.get(chain)?.find((one) => one.set === set || (one.decides && others.has(one.set)));
      return first !== undefined && first.set !== set;
    });
  }
}

/** The address of an element, which may have a port beside it. */
const addressOf = (key: string): string => key.split(" . ", 1)[0] ?? key;

function askedBy({ rules }: ProgramChain): readonly Asked[] {
  return rules.flatMap(({ statements }) =>
    statements.flatMap((statement, index): Asked[] => {
      if (statement.kind !== "lookup" && statement.kind !== "counter-map") return [];
      const set = statement.kind === "lookup" ? statement.set : statement.map;
      return [{ set, decides: index === 0 && statement.key.length === 1 }];
    }),
  );
}
