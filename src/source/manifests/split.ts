/** A part of a file that is parsed on its own. */
export interface Piece {
  readonly text: string;
  /** Line number of its first line, from 1. */
  readonly line: number;
}

const marker = /^(---(?=\s|$)|\.\.\.(?=\s|$))/;
const nothing = /^\s*(#|%|$)/;

/**
 * Cuts a YAML stream at its document markers, by lines alone, as kubectl does: whatever is wrong in one document, even
 * a quote that never ends, stays in it. Inside a document no line may start like that (YAML 1.2, 9.1.2).
 */
export function* splitDocuments(text: string): Generator<Piece> {
  let start = 0;
  let startLine = 1;
  let line = 1;
  let content = false;
  for (let at = 0; at < text.length; line++) {
    const newline = text.indexOf("\n", at);
    const next = newline === -1 ? text.length : newline + 1;
    const head = text.slice(at, Math.min(next, at + 200));
    const found = marker.exec(head)?.[1];
    if (found === "---" && content) {
      yield { text: text.slice(start, at), line: startLine };
      start = at;
      startLine = line;
      content = head.slice(3).trim() !== "" && !nothing.test(head.slice(3));
    } else if (found === "..." && content) {
      yield { text: text.slice(start, next), line: startLine };
      start = next;
      startLine = line + 1;
      content = false;
    } else if (found === undefined) content ||= !nothing.test(head);
    else content ||= !nothing.test(head.slice(3));
    at = next;
  }
  if (content) yield { text: text.slice(start), line: startLine };
}
