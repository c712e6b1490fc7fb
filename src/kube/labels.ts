import { createInterner, hashSeed, hashText, internString } from "./interning.ts";

/** Labels of one object. Objects with equal labels share one map (interned), so never changed. */
export type Labels = ReadonlyMap<string, string>;

export const noLabels: Labels = new Map();

export function labelsEqual(a: Labels, b: Labels): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

/**
 * Labels from a record or from entries (the last of equal keys counts), keys in order of their UTF-16 units.
 * Equal labels mostly give the same map: compare with `labelsEqual`, which is one comparison then.
 */
export function internLabels(labels: Readonly<Record<string, string>> | Iterable<readonly [string, string]>): Labels {
  const isEntries = Symbol.iterator in labels;
  const entries = isEntries ? [...labels] : Object.entries(labels);
  if (entries.length === 0) return noLabels;
  // A stable sort keeps equal keys in order, so that the map below keeps the last.
  entries.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  return internEntries(entries);
}

type Entries = readonly (readonly [string, string])[];

const internEntries = createInterner<Entries, Labels>(
  (entries) => {
    let hash = hashSeed;
    for (const [key, value] of entries) hash = hashText(hashText(hash, key) ^ 61, value) ^ 44;
    return hash;
  },
  sameEntries,
  (entries) => new Map(entries.map(([key, value]) => [internString(key), internString(value)])),
);

function sameEntries(labels: Labels, entries: Entries): boolean {
  if (labels.size !== entries.length) return false;
  for (const [key, value] of entries) if (labels.get(key) !== value) return false;
  return true;
}
