import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { printable } from "../observe/printable.ts";
import { type SettingName, type WrittenSettings, settingNames } from "./settings.ts";

export type ConfigRead =
  | { readonly ok: true; readonly written: WrittenSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

const isSettingName = (text: string): text is SettingName => settingNames.some((name) => name === text);

function scalarText(node: unknown): string | null {
  return isScalar(node) && typeof node.value === "string" && !isAlias(node) ? node.value : null;
}

/** The texts of a value: one word, or a list of them; null if it is something else. */
function textsOf(node: unknown): readonly string[] | null {
  if (!isSeq(node)) {
    const text = scalarText(node);
    return text === null ? null : [text];
  }
  const texts = node.items.map(scalarText);
  return texts.every((text) => text !== null) ? texts : null;
}

/**
 * Reads a configuration file: one YAML mapping whose keys are the long flags without their dashes. Unknown keys,
 * doubles and values that are no words or lists of words are problems, each with `file:line:column`.
 */
export function readConfig(text: string, file: string): ConfigRead {
  const lines = new LineCounter();
  // Every scalar stays the text that was written: 0xffff0000 and 1m are read as the flags are.
  const document = parseDocument(text, { schema: "failsafe", lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${printable(file, 200)}:${line}:${col}`;
  };
  const problems = document.errors.map((error) => `${placeOf(error.pos[0])}: ${printable(error.message)}`);
  if (problems.length > 0) return { ok: false, problems };
  const root = document.contents;
  if (root === null) return { ok: true, written: new Map() };
  if (!isMap(root)) return { ok: false, problems: [`${placeOf(root.range?.[0] ?? 0)}: not a mapping of settings`] };
  const written = new Map<SettingName, { readonly texts: readonly string[]; readonly place: string }>();
  for (const { key, value } of root.items) {
    const place = placeOf(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    const name = scalarText(key) ?? "";
    const texts = textsOf(value);
    if (!isSettingName(name)) problems.push(`${place}: unknown key "${printable(name, 100)}"`);
    else if (texts === null || texts.length === 0)
      problems.push(`${place}: ${name} must be a value or a list of values`);
    else written.set(name, { texts, place });
  }
  return problems.length === 0 ? { ok: true, written } : { ok: false, problems };
}
