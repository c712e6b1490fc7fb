import type { ChainClause, ChainName, DomainSetName, Ruleset } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { DomainName, DomainPattern } from "../net/domain-name.ts";

/** Which pods learn which names: what of a Ruleset has to do with names, as one value that can be handed on. */
export interface NameTable {
  readonly sets: readonly { readonly name: DomainSetName; readonly patterns: readonly DomainPattern[] }[];
  /** Each a list of indexes of `sets`: pods with the same policies share one. */
  readonly classes: readonly (readonly number[])[];
  /** Addresses of pods, with the index of their class. */
  readonly subjects: readonly (readonly [Address, number])[];
}

const setsIn = (clauses: readonly ChainClause[]): DomainSetName[] =>
  clauses.flatMap(({ match }) => (match.kind === "peers" && match.peers?.domains ? [match.peers.domains] : []));

function setsOfChain(ruleset: Ruleset, name: ChainName | null): readonly DomainSetName[] {
  const chain = name === null ? undefined : ruleset.chains.get(name);
  return chain === undefined ? [] : setsIn([...chain.admin, ...(chain.networkPolicy ?? []), ...chain.baseline]);
}

/** Costs the endpoints and the clauses; nothing where no policy names a name, or where none are learned. */
export function nameTableOf(ruleset: Ruleset): NameTable {
  if (ruleset.domainSets.size === 0 || ruleset.node.names === null) return { sets: [], classes: [], subjects: [] };
  const sets = [...ruleset.domainSets.values()].map(({ name, patterns }) => ({ name, patterns }));
  const indexOf = new Map(sets.map(({ name }, index) => [name, index]));
  const ofChain = new Map<ChainName | null, readonly DomainSetName[]>();
  const chainSets = (name: ChainName | null) => {
    const found = ofChain.get(name) ?? setsOfChain(ruleset, name);
    ofChain.set(name, found);
    return found;
  };
  const classes: (readonly number[])[] = [];
  const classOf = new Map<string, number>();
  const subjects: (readonly [Address, number])[] = [];
  for (const { address, egress, auditEgress } of ruleset.endpoints.values()) {
    const own = new Set([...chainSets(egress), ...chainSets(auditEgress)]);
    if (own.size === 0) continue;
    const indexes = [...own].map((name) => indexOf.get(name) ?? -1).filter((index) => index >= 0);
    const key = indexes.sort((a, b) => a - b).join();
    const known = classOf.get(key) ?? classes.push(indexes) - 1;
    classOf.set(key, known);
    subjects.push([address, known]);
  }
  return { sets, classes, subjects };
}

/** Asks which sets of which pod a name belongs to. */
export interface Subjects {
  isSubject(client: Address): boolean;
  /** Empty: no policy that selects this pod means this name. Costs the labels of the name. */
  setsFor(client: Address, name: DomainName): readonly DomainSetName[];
}

/** Patterns of one class, by what they end in. */
interface PatternIndex {
  readonly exact: ReadonlyMap<string, readonly DomainSetName[]>;
  readonly below: ReadonlyMap<string, readonly DomainSetName[]>;
}

function patternIndexOf(sets: readonly NameTable["sets"][number][]): PatternIndex {
  const exact = new Map<string, DomainSetName[]>();
  const below = new Map<string, DomainSetName[]>();
  for (const { name, patterns } of sets) {
    for (const pattern of patterns) {
      const [index, key] = pattern.startsWith("*.") ? [below, pattern.slice(2)] : [exact, pattern as string];
      const found = index.get(key) ?? [];
      if (!found.includes(name)) index.set(key, [...found, name]);
    }
  }
  return { exact, below };
}

export function createSubjects(table: NameTable): Subjects {
  const indexes = table.classes.map((own) => patternIndexOf(own.flatMap((index) => table.sets[index] ?? [])));
  const byAddress = new Map(table.subjects);
  return {
    isSubject: (client) => byAddress.has(client),
    setsFor: (client, name) => {
      const index = indexes[byAddress.get(client) ?? -1];
      if (index === undefined) return [];
      const found = new Set(index.exact.get(name));
      for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
        for (const set of index.below.get(name.slice(dot + 1)) ?? []) found.add(set);
      }
      return [...found];
    },
  };
}
