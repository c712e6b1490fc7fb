// Controls, invisible formatting and bidirectional overrides, half surrogates, line and paragraph separators: what moves
// a terminal's cursor, breaks a line of a log, or shows another text than the one that is there.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === "\r") return "\\r";
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

/**
 * Text from a manifest in a form that is safe in a terminal, a log line and an XML or JSON file: on one line, without
 * control characters, at most about `longest` characters (the middle of a longer one is left out).
 */
export function printable(text: string, longest = 600): string {
  let shown = text;
  if (text.length > longest) {
    const half = Math.floor((longest - 24) / 2);
    shown = `${text.slice(0, half)}…(${text.length - 2 * half} more)…${text.slice(-half)}`;
  }
  return shown.replace(unsafe, escaped);
}
