/** Characters that move a terminal's cursor, break a line, or turn the direction of writing. */
// oxlint-disable-next-line no-control-regex
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|\p{Cs}/gu;

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === "\r") return "\\r";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
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
