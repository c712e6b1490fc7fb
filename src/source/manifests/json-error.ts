import { skipSpace, stringEnd } from "./json-text.ts";

type Expected = "value" | "value or end" | "key" | "key or end" | "colon" | "comma or end";

interface Progress {
  at: number;
  expected: Expected;
  readonly open: ("{" | "[")[];
}

const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;

function takeString(text: string, progress: Progress): boolean {
  const end = stringEnd(text, progress.at);
  if (end === -1) return false;
  try {
    JSON.parse(text.slice(progress.at, end));
  } catch {
    return false;
  }
  progress.at = end;
  progress.expected = progress.expected.startsWith("key") ? "colon" : "comma or end";
  return true;
}

function takeLiteral(text: string, progress: Progress): boolean {
  literal.lastIndex = progress.at;
  if (!progress.expected.startsWith("value") || !literal.test(text)) return false;
  progress.at = literal.lastIndex;
  progress.expected = "comma or end";
  return true;
}

function takePunctuation(character: string, progress: Progress): boolean {
  const { expected, open } = progress;
  const inside = open.at(-1);
  if ((character === "{" || character === "[") && expected.startsWith("value")) {
    open.push(character);
    progress.expected = character === "{" ? "key or end" : "value or end";
  } else if ((character === "}" || character === "]") && expected.endsWith("or end")) {
    if (inside !== (character === "}" ? "{" : "[")) return false;
    open.pop();
    progress.expected = "comma or end";
  } else if (character === ":" && expected === "colon") {
    progress.expected = "value";
  } else if (character === "," && expected === "comma or end" && inside !== undefined) {
    progress.expected = inside === "{" ? "key" : "value";
  } else return false;
  progress.at++;
  return true;
}

/**
 * The offset of the first thing that is wrong in a text that JSON.parse refuses, whose messages often do not say
 * where; the length of the text where it just ends too early.
 */
export function jsonErrorOffset(text: string): number {
  const progress: Progress = { at: skipSpace(text, 0), expected: "value", open: [] };
  while (progress.at < text.length) {
    const character = text[progress.at] ?? "";
    const taken =
      character === '"'
        ? progress.expected !== "colon" && progress.expected !== "comma or end" && takeString(text, progress)
        : takePunctuation(character, progress) || takeLiteral(text, progress);
    if (!taken) return progress.at;
    progress.at = skipSpace(text, progress.at);
  }
  return text.length;
}
