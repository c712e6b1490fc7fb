/** Controls (C0, DEL, C1), line separators, and characters that reorder or hide text on a terminal. */
// oxlint-disable-next-line no-control-regex -- these are exactly the characters that must not get through
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const loneSurrogate = /\p{Surrogate}/gu;

function escapeOne(character: string): string {
  if (character === "\n") return String.raw`\n`;
  if (character === "\t") return String.raw`\t`;
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Text of unknown origin, made safe for one line of a log or terminal: at most `limit` characters (what was cut is
 * counted), control and reordering characters written as `\uXXXX`.
 */
export function printable(text: string, limit = 500): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}… (${text.length - limit} more)` : text;
  return cut.replace(unprintable, escapeOne).replace(loneSurrogate, escapeOne);
}
