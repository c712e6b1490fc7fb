import type { Piece } from "./split.ts";

/** Shorter documents are parsed whole. */
const shortest = 1 << 18;
const itemsKey = /^items:[ \t]*\r?\n(?=- )/m;
/** Anchors and aliases tie items together. */
const reference = /(^|[\s[{,:])[&*][^\s]/;

/**
 * Cuts the items out of a long `kind: List` in the form that kubectl prints (`items:` and its dashes at the left edge), so
 * that each is parsed on its own: a parsed YAML document takes some fifty times the memory of its text. Whatever is
 * written otherwise comes back whole.
 */
export function* splitList(piece: Piece): Generator<Piece> {
  const { text } = piece;
  const key = text.length < shortest ? null : itemsKey.exec(text);
  if (key === null || !/^kind: *["']?List\b/m.test(text) || reference.test(text)) {
    yield piece;
    return;
  }
  let line = piece.line + (text.slice(0, key.index).match(/\n/g)?.length ?? 0) + 1;
  let start = key.index + key[0].length;
  let startLine = line;
  for (let at = start; at <= text.length; line++) {
    const character = text[at];
    const inside = character === " " || character === "\n" || character === "\r" || character === "#";
    if (at > start && !inside) {
      yield { text: ` ${text.slice(start + 1, at)}`, line: startLine };
      start = at;
      startLine = line;
    }
    if (character === undefined || (character !== "-" && !inside)) break;
    const newline = text.indexOf("\n", at);
    at = newline === -1 ? text.length : newline + 1;
  }
  // What stands around the items, so that an error in it is not lost; lines are right for what follows them.
  const head = text.slice(0, key.index);
  const headLines = head.match(/\n/g)?.length ?? 0;
  yield { text: `${head}items: []\n${text.slice(start)}`, line: startLine - headLines - 1 };
}
