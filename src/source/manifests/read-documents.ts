import type { PathStep } from "../../kube/field-error.ts";
import { duplicateKeyMarker } from "./document.ts";
import type { BrokenDocument, ManifestDocument, Place } from "./document.ts";
import { jsonErrorOffset } from "./json-error.ts";
import {
  countKeysInText,
  countKeysInValue,
  duplicateKeysIn,
  jsonLocator,
  jsonValueEnd,
  skipSpace,
} from "./json-text.ts";
import type { Limits } from "./limits.ts";
import { placesIn } from "./place.ts";
import { splitDocuments } from "./split.ts";
import type { Piece } from "./split.ts";
import { splitList } from "./split-list.ts";
import type * as YamlText from "./yaml-text.ts";

type Read = ManifestDocument | BrokenDocument;
type Yaml = typeof YamlText;
type PlaceOf = (offset: number) => Place;

/** Duplicate keys looked for in one JSON document. */
const mostDuplicates = 100;
/** Characters up to which text in braces that is no JSON may still be YAML's flow style. */
const longestFlow = 1 << 20;

function replaceAt(value: unknown, path: readonly PathStep[], replacement: unknown): void {
  let container = value as Record<PathStep, unknown> | undefined;
  for (const step of path.slice(0, -1)) container = container?.[step] as Record<PathStep, unknown> | undefined;
  const last = path.at(-1);
  if (typeof container === "object" && container !== null && last !== undefined) container[last] = replacement;
}

function duplicatesOf(text: string, value: unknown): readonly (readonly PathStep[])[] {
  if (countKeysInText(text) === countKeysInValue(value)) return [];
  const duplicates = duplicateKeysIn(text, mostDuplicates);
  for (const path of duplicates) replaceAt(value, path, duplicateKeyMarker);
  return duplicates;
}

/** The JSON document that `text` is; null if it is none. `start` is its offset in the text that `placeOf` knows. */
function readJson(text: string, start: number, placeOf: PlaceOf): ManifestDocument | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  let offsetOf: ((path: readonly PathStep[]) => number) | null = null;
  const locate = (path: readonly PathStep[]): Place => {
    offsetOf ??= jsonLocator(text, 0);
    return placeOf(start + offsetOf(path));
  };
  return { kind: "document", value, duplicates: duplicatesOf(text, value), locate, placesAreCheap: false };
}

/**
 * Objects that follow each other without a separator, as `jq -c` writes them. Null where already the first is no
 * JSON; a later one that is none ends it.
 */
function readJsonSequence(text: string, placeOf: PlaceOf): readonly Read[] | null {
  const documents: Read[] = [];
  for (let at = skipSpace(text, 0); at < text.length;) {
    const end = jsonValueEnd(text, at);
    const document = end > at ? readJson(text.slice(at, end), at, placeOf) : null;
    if (document === null) {
      if (documents.length === 0) return null;
      documents.push(brokenJson(text, at, placeOf));
      return documents;
    }
    documents.push(document);
    at = skipSpace(text, end);
  }
  return documents;
}

function brokenJson(text: string, from: number, placeOf: PlaceOf): BrokenDocument {
  const offset = from + jsonErrorOffset(from === 0 ? text : text.slice(from));
  const message = offset >= text.length ? "unexpected end of JSON input" : "invalid JSON";
  return { kind: "broken", place: placeOf(offset), message };
}

function* readYaml(yaml: Yaml, piece: Piece, limits: Limits): Generator<Read> {
  const placeOf = placesIn(piece.text, piece.line);
  try {
    for (const document of yaml.parseYaml(piece.text, limits)) {
      const locate = (path: readonly PathStep[]): Place => placeOf(document.locate(path));
      const { value, duplicates } = document;
      yield { kind: "document", value, duplicates, locate, placesAreCheap: true };
    }
  } catch (error) {
    if (!(error instanceof yaml.YamlError)) throw error;
    // What ends too early ends at its last text, not at the line of the next document.
    const end = Math.max(0, piece.text.trimEnd().length - 1);
    yield { kind: "broken", place: placeOf(Math.min(error.offset, end)), message: error.message };
  }
}

function* readPiece(yaml: Yaml, piece: Piece, limits: Limits): Generator<Read> {
  const body = /^---[ \t]*\r?\n/.exec(piece.text)?.[0].length ?? 0;
  if (piece.text[skipSpace(piece.text, body)] === "{") {
    const text = body === 0 ? piece.text : " ".repeat(body - 1) + piece.text.slice(body - 1);
    const sequence = readJsonSequence(text, placesIn(text, piece.line));
    if (sequence !== null) return yield* sequence;
    if (text.length > longestFlow) return yield brokenJson(text, 0, placesIn(text, piece.line));
  }
  for (const part of splitList(piece)) yield* readYaml(yaml, part, limits);
}

function* readStream(yaml: Yaml, text: string, limits: Limits): Generator<Read> {
  for (const piece of splitDocuments(text)) yield* readPiece(yaml, piece, limits);
}

/**
 * The documents of a text, YAML or JSON, one after the other as they are asked for, so that of a long file only one
 * is held. The YAML reader is loaded only where it is needed: it costs more than reading a small cluster.
 */
export async function readDocuments(text: string, json: boolean, limits: Limits): Promise<Iterable<Read>> {
  const first = text[skipSpace(text, 0)];
  if (first === "{" || json) {
    const placeOf = placesIn(text, 1);
    const document = readJson(text, 0, placeOf);
    if (document !== null) return [document];
    if (json && !/^---/m.test(text)) return readJsonSequence(text, placeOf) ?? [brokenJson(text, 0, placeOf)];
  }
  return readStream(await import("./yaml-text.ts"), text, limits);
}
