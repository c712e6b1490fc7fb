/** Labels of one object. Objects with equal labels share one map (interned), so never changed. */
export type Labels = ReadonlyMap<string, string>;

export const noLabels: Labels = new Map();

/**
 * Interning tables are caches with a fixed number of slots: a newcomer takes the slot of whoever was there. Memory is
 * bounded whatever comes from the API; what falls out is merely not shared with later equals.
 */
const slotCount = 1 << 16;
const stringSlots: (string | undefined)[] = Array.from({ length: slotCount });
const labelSlots: (Labels | undefined)[] = Array.from({ length: slotCount });

/** Longer strings are not worth hashing; valid names and label values are shorter. */
const longestInterned = 320;

/** FNV-1a over UTF-16 units. */
function hashInto(hash: number, text: string): number {
  let result = hash;
  for (let index = 0; index < text.length; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), 16777619);
  }
  return result;
}

const seed = 2166136261 | 0;

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 16)) & (slotCount - 1);
}

/** An equal string, shared with earlier equals as far as the table reaches. Costs one hash of the text. */
export function internString(text: string): string {
  if (text.length > longestInterned) return text;
  const slot = slotOf(hashInto(seed, text));
  const known = stringSlots[slot];
  if (known === text) return known;
  stringSlots[slot] = text;
  return text;
}

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
  let hash = seed;
  for (const [key, value] of entries) hash = hashInto(hashInto(hash, key) ^ 61, value) ^ 44;
  const slot = slotOf(hash);
  const known = labelSlots[slot];
  if (known !== undefined && sameEntries(known, entries)) return known;
  const fresh = new Map(entries.map(([key, value]) => [internString(key), internString(value)]));
  labelSlots[slot] = fresh;
  return fresh;
}

function sameEntries(labels: Labels, entries: readonly (readonly [string, string])[]): boolean {
  if (labels.size !== entries.length) return false;
  for (const [key, value] of entries) if (labels.get(key) !== value) return false;
  return true;
}
