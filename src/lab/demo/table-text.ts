/** What `nft list table` prints, taken apart: one block for each set, map, counter and chain. */
export interface Block {
  /** `chain forward`, `set generation`. */
  readonly title: string;
  /** Its lines without indentation; elements stand one on a line. */
  readonly lines: readonly string[];
}

const elementsStart = "elements = {";

function withSingleElements(lines: readonly string[]): readonly string[] {
  const from = lines.findIndex((line) => line.startsWith(elementsStart));
  if (from < 0) return lines;
  const to = lines.findIndex((line, index) => index >= from && line.endsWith("}"));
  const elements = lines
    .slice(from, to + 1)
    .join(" ")
    .slice(elementsStart.length, -1)
    .split(",")
    .map((element) => element.trim());
  return [...lines.slice(0, from), ...elements, ...lines.slice(to + 1)];
}

/** Reads the text of one table. */
export function blocksOf(text: string): ReadonlyMap<string, Block> {
  const blocks = new Map<string, Block>();
  let title: string | null = null;
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    const start = /^\t(\S.*) \{$/.exec(line);
    if (start?.[1] !== undefined) [title, lines] = [start[1], []];
    else if (line === "\t}" && title !== null) {
      blocks.set(title, { title, lines: withSingleElements(lines) });
      title = null;
    } else if (title !== null) lines.push(line.trim());
  }
  return blocks;
}

/** What a block's comment says. */
export function commentOf(block: Block | undefined): string {
  return block?.lines.map((line) => /^comment "(.*)"$/.exec(line)?.[1]).find((text) => text !== undefined) ?? "";
}

/** How a block differs between two listings. */
export interface BlockChange {
  readonly title: string;
  readonly comment: string;
  readonly state: "new" | "gone" | "changed";
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** What a block is declared with; of a block that comes or goes as a whole, only its content is of interest. */
const declaration = /^(comment|type|size|flags) /;

/** What changed from one listing to the next; lines of a block that only moved do not count. */
export function changesBetween(before: string, after: string): readonly BlockChange[] {
  const [old, now] = [blocksOf(before), blocksOf(after)];
  const changes: BlockChange[] = [];
  for (const title of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(title), now.get(title)];
    const removed = was?.lines.filter((line) => is?.lines.includes(line) !== true) ?? [];
    const added = is?.lines.filter((line) => was?.lines.includes(line) !== true) ?? [];
    if (removed.length === 0 && added.length === 0 && was !== undefined && is !== undefined) continue;
    const state = was === undefined ? "new" : is === undefined ? "gone" : "changed";
    const shown = (lines: readonly string[]) => lines.filter((line) => state === "changed" || !declaration.test(line));
    changes.push({ title, comment: commentOf(is ?? was), state, removed: shown(removed), added: shown(added) });
  }
  return changes;
}
