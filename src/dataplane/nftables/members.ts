import { addressValue, familyOf, type Address } from "../../net/address.ts";
import type { Pair } from "../../ir/ruleset.ts";
import type { MembersName, UnionBlock, UnionContent, UnionEntry } from "./render/part.ts";

type Family = 4 | 6;

/**
 * Members as element keys. They are maps because the set of a group shows them as its elements: the mirror holds each
 * member of a group once, however many rules name the group.
 */
interface Members {
  readonly 4: Map<string, null>;
  readonly 6: Map<string, null>;
}

/** The element key of a member, and its family. */
export function memberKey(member: Address | Pair): { readonly key: string; readonly family: Family } {
  const blank = member.indexOf(" ");
  if (blank === -1) return { key: member, family: familyOf(member as Address) };
  const address = member.slice(0, blank) as Address;
  return { key: `${address} . ${member.slice(blank + 1)}`, family: familyOf(address) };
}

/** Who is in each group and pair set that the Ruleset speaks of, whether the kernel has a set for it or not. */
export class MemberTable {
  readonly #members = new Map<MembersName, Members>();

  create(name: MembersName, members: Iterable<Address | Pair>): void {
    if (this.#members.has(name)) throw new Error(`${name} is new, but there already`);
    const table: Members = { 4: new Map(), 6: new Map() };
    for (const member of members) {
      const { key, family } = memberKey(member);
      table[family].set(key, null);
    }
    this.#members.set(name, table);
  }

  delete(name: MembersName): void {
    if (!this.#members.delete(name)) throw new Error(`${name} goes without being there`);
  }

  of(name: MembersName, family: Family): Map<string, null> {
    const members = this.#members.get(name);
    if (members === undefined) throw new Error(`a chain refers to ${name}, which the Ruleset does not hold`);
    return members[family];
  }

  /** The counter of what comes first of all that has the member; null: nothing has it, or it belongs to another map. */
  counterIn(union: UnionContent, family: Family, key: string): string | null {
    const isCandidate = candidatesOf(union).some(({ members }) => this.#isIn(members, family, key));
    return isCandidate ? this.#firstCounter(union, family, key) : null;
  }

  /** All members of all entries with their counters, but for those that belong to another map. */
  unionOf(union: UnionContent, family: Family): Map<string, string> {
    const { entries, blocks } = union;
    const elements = new Map<string, string>();
    const elsewhere = new Set<string>();
    const anybody = blocks.some(({ counter }) => counter !== null);
    const last = anybody ? entries.length - 1 : entries.findLastIndex(({ counter }) => counter !== null);
    for (const [index, { counter: own, members }] of entries.slice(0, last + 1).entries()) {
      for (const name of members) {
        for (const key of this.of(name, family).keys()) {
          if (elements.has(key) || elsewhere.has(key)) continue;
          const counter = own === null && !anybody ? null : counterAt(entries, blocks, index, key);
          if (counter === null) elsewhere.add(key);
          else elements.set(key, counter);
        }
      }
    }
    return elements;
  }

  #isIn(names: readonly MembersName[], family: Family, key: string): boolean {
    for (const name of names) if (this.#members.get(name)?.[family].has(key) === true) return true;
    return false;
  }

  #firstCounter({ entries, blocks }: UnionContent, family: Family, key: string): string | null {
    const index = entries.findIndex(({ members }) => this.#isIn(members, family, key));
    return index === -1 ? null : counterAt(entries, blocks, index, key);
  }
}

/** The entries whose members can be in the map: all, where a block of this map may come before. */
function candidatesOf({ entries, blocks }: UnionContent): readonly UnionEntry[] {
  const anybody = blocks.some(({ counter }) => counter !== null);
  return anybody ? entries : entries.filter(({ counter }) => counter !== null);
}

/** Of an address that the entry at this place is the first to have. */
function counterAt(
  entries: readonly UnionEntry[],
  blocks: readonly UnionBlock[],
  index: number,
  key: string,
): string | null {
  const block = blocks.length === 0 ? undefined : blockOf(blocks, addressValue(key as Address));
  return (block !== undefined && block.before <= index ? block : entries[index])?.counter ?? null;
}

function blockOf(blocks: readonly UnionBlock[], value: bigint): UnionBlock | undefined {
  let [from, to] = [0, blocks.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const block = blocks[middle];
    if (block === undefined || value < block.low) to = middle;
    else if (value > block.high) from = middle + 1;
    else return block;
  }
  return undefined;
}
