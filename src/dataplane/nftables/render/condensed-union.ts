import type { MembersName, UnionBlock, UnionContent, UnionEntry } from "./part.ts";

/**
 * What decides the same with as little as possible, where no block is of this map: what belongs to other maps and
 * stands together is one entry, in no order; behind the last entry that counts nothing matters. So a map keeps its
 * name where only the order of what is not in it changes, and follows fewer groups.
 */
export function condensed(content: UnionContent): UnionContent {
  if (content.blocks.some(({ counter }) => counter !== null)) return content;
  const last = content.entries.findLastIndex(({ counter }) => counter !== null);
  const entries: UnionEntry[] = [];
  /** By place before: the place of the first entry that is left from there on. */
  const places: number[] = [];
  const asked = new Set<MembersName>();
  let elsewhere: MembersName[] = [];
  const close = (): void => {
    if (elsewhere.length > 0) entries.push({ counter: null, members: elsewhere.sort() });
    elsewhere = [];
  };
  for (const { counter, members } of content.entries.slice(0, last + 1)) {
    if (counter === null) {
      places.push(entries.length);
      elsewhere.push(...members.filter((name) => !asked.has(name)));
    } else {
      close();
      places.push(entries.length);
      entries.push({ counter, members });
    }
    for (const name of members) asked.add(name);
  }
  return { entries, blocks: content.blocks.reduce<UnionBlock[]>((blocks, block) => placed(blocks, block, places), []) };
}

/** Takes in one block more, which is none where nothing comes after it; neighbours that do the same are one. */
function placed(blocks: UnionBlock[], block: UnionBlock, places: readonly number[]): UnionBlock[] {
  const before = places[block.before];
  if (before === undefined) return blocks;
  const last = blocks.at(-1);
  if (last !== undefined && last.before === before && last.high + 1n === block.low)
    blocks[blocks.length - 1] = { ...last, high: block.high };
  else blocks.push({ ...block, before });
  return blocks;
}
