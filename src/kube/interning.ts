/**
 * Interning: equal values share one. A table is a cache with a fixed number of slots, where a newcomer takes the slot
 * of whoever was there. Memory is bounded whatever comes from the API; what falls out is merely not shared with later
 * equals, so nobody may rely on identity.
 */
const slotCount = 1 << 16;

export const hashSeed = 2166136261 | 0;

/** FNV-1a over UTF-16 units, begun with `hash`. */
export function hashText(hash: number, text: string): number {
  let result = hash;
  for (let index = 0; index < text.length; index++) {
    result = Math.imul(result ^ text.charCodeAt(index), 16777619);
  }
  return result;
}

export function hashNumber(hash: number, number: number): number {
  return Math.imul(hash ^ number, 16777619);
}

/** A table for values of one kind: gives an equal value that was seen before, or else what `make` makes of this one. */
export function createInterner<Given, Kept>(
  hash: (given: Given) => number,
  equal: (kept: Kept, given: Given) => boolean,
  make: (given: Given) => Kept,
): (given: Given) => Kept {
  const slots: (Kept | undefined)[] = Array.from({ length: slotCount });
  return (given) => {
    const code = hash(given);
    const slot = (code ^ (code >>> 16)) & (slotCount - 1);
    const known = slots[slot];
    if (known !== undefined && equal(known, given)) return known;
    const fresh = make(given);
    slots[slot] = fresh;
    return fresh;
  };
}

/** Longer strings are not worth hashing; valid names and label values are shorter. */
const longestInterned = 320;

const internShort = createInterner<string, string>(
  (text) => hashText(hashSeed, text),
  (kept, text) => kept === text,
  (text) => text,
);

/** An equal string, shared with earlier equals as far as the table reaches. Costs one hash of the text. */
export function internString(text: string): string {
  return text.length > longestInterned ? text : internShort(text);
}
