import type { FieldError, PathStep } from "../../kube/field-error.ts";
import { duplicate, fieldErrorText, notSupported, required } from "../../kube/field-error.ts";
import type { ObjectKey } from "../../kube/objects.ts";
import { keyOf } from "../../kube/objects.ts";
import type { Finding, Position } from "../source.ts";
import { duplicateKeyMarker } from "./document.ts";
import type { BrokenDocument, ManifestDocument, Place } from "./document.ts";
import { isNamespaced, meaningOf } from "./kinds.ts";
import type { Decoding, Meaning } from "./kinds.ts";
import type { Limits } from "./limits.ts";
import type { PolicyReading } from "../../policy/kinds.ts";
import { printable } from "../../observe/printable.ts";
import { isRecord, unpackDocument } from "./unpack.ts";
import type { Item } from "./unpack.ts";

/** One object of a file; a policy that is not valid fails closed (semantics.md, 9). */
export type Entry = Decoding & {
  /** `Kind/namespace/name`, whether the object is valid or not; of workloads too. */
  readonly key: ObjectKey;
  readonly valid: boolean;
  /** False: it says no name, and its key was made of its content, so that an edited one has another. */
  readonly named: boolean;
  /** Where it starts; exact for YAML, of JSON the start of its document. */
  readonly position: Position;
};

/** What a file holds. */
export interface FileContent {
  readonly entries: readonly Entry[];
  /** What is wrong in objects that could be parsed. */
  readonly findings: readonly ObjectFinding[];
  /** Parts of the file that could not be parsed: what stood there is not known. */
  readonly unreadable: readonly Finding[];
  /** Something in it could not be told what object it is: it may be a new version of one that was there. */
  readonly unidentified: boolean;
}

/** A finding and the key of the object it is in; null where that could not be told. */
export interface ObjectFinding {
  readonly key: ObjectKey | null;
  readonly finding: Finding;
}

/** How much of a name is shown. */
const longestName = 160;

function positionAt(file: string, place: Place): Position {
  return { file: printable(file, longestName * 4), line: place.line, column: place.column };
}

/** A finding about a file as a whole, or the part of it that begins at `place`. */
export function fileFinding(file: string, place: Place, message: string): Finding {
  return { position: positionAt(file, place), object: "", message: printable(message) };
}

/** The content of a file that could not be read. */
export function nothingBut(finding: Finding): FileContent {
  return { entries: [], findings: [], unreadable: [finding], unidentified: false };
}

interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly key: ObjectKey | null;
  readonly shown: string;
  readonly named: boolean;
}

function identify(object: Item["object"], { namespace, reading }: ReadingRules): Identity {
  const { apiVersion, kind, metadata } = object;
  const kindText = typeof kind === "string" ? kind : "";
  const fields = isRecord(metadata) ? metadata : {};
  const name = typeof fields["name"] === "string" ? fields["name"] : "";
  const own = fields["namespace"] ?? "";
  const place = typeof own !== "string" ? "" : own === "" ? namespace : own;
  const parts = isNamespaced(kindText, reading) ? [kindText, place, name] : [kindText, name];
  const known = !parts.some((part) => part === "" || part === duplicateKeyMarker);
  return {
    apiVersion: typeof apiVersion === "string" ? apiVersion : "",
    kind: kindText,
    key: known ? (parts.join("/") as ObjectKey) : null,
    shown: parts.map((part) => (part === "" ? "?" : printable(part, longestName))).join("/"),
    named: name !== "",
  };
}

/** What is wrong with apiVersion and kind themselves, in kubectl's order. */
function typeErrors(identity: Identity): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (identity.apiVersion === "") errors.push(required(["apiVersion"], "must be a string, such as v1"));
  if (identity.kind === "") errors.push(required(["kind"], "must be a string, such as Pod"));
  return errors;
}

function startsWith(path: readonly PathStep[], prefix: readonly PathStep[]): boolean {
  return prefix.every((step, index) => path[index] === step);
}

/** Fills in the namespace that the caller asked for; the decoders take `default`. */
function inNamespace(object: Item["object"], kind: string, { namespace, reading }: ReadingRules): Item["object"] {
  const metadata = object["metadata"];
  if (namespace === "default" || !isNamespaced(kind, reading) || !isRecord(metadata)) return object;
  const own = metadata["namespace"];
  if (own !== undefined && own !== null && own !== "") return object;
  return { ...object, metadata: { ...metadata, namespace } };
}

/** kubectl's users meet this one most, and its words do not say why. */
function hintFor(error: FieldError): string {
  const word = error.message.endsWith('must be of type string: "boolean"');
  return word ? " (YAML reads yes, no, on, off, y and n as booleans: quote it)" : "";
}

/** What the rest of the system calls the object: of a policy with an invalid name it is not the name as written. */
function keyOfDecoding(meaning: Decoding): ObjectKey | null {
  if (meaning.value === null) return null;
  return meaning.kind === "policy" ? (meaning.value.id as string as ObjectKey) : keyOf(meaning.value);
}

/** How manifests are read. */
export interface ReadingRules {
  /** Of objects that name none. */
  readonly namespace: string;
  readonly limits: Limits;
  /** Policies that are not read are passed over. */
  readonly reading: PolicyReading;
}

/** Collects the content of one file, document by document. */
export class ContentReader {
  private readonly file: string;
  private readonly rules: ReadingRules;
  private readonly entries: Entry[] = [];
  private readonly findings: ObjectFinding[] = [];
  private readonly unreadable: Finding[] = [];
  private unshown = 0;
  private unidentified = false;

  constructor(file: string, rules: ReadingRules) {
    this.file = file;
    this.rules = rules;
  }

  add(document: ManifestDocument | BrokenDocument): void {
    if (document.kind === "broken") {
      if (this.unreadable.length < this.rules.limits.findings) {
        this.unreadable.push(fileFinding(this.file, document.place, document.message));
      }
      return;
    }
    const claimed = new Set<readonly PathStep[]>();
    for (const item of unpackDocument(document)) {
      if (!("object" in item)) {
        this.unidentified = true;
        const at = item.path.length === 0 ? "" : fieldErrorText({ path: item.path, message: "" });
        this.report(null, "", document.locate(item.path), `${at}${item.message}`);
        continue;
      }
      const duplicates = document.duplicates.filter((path) => startsWith(path, item.path));
      for (const path of duplicates) claimed.add(path);
      this.addItem(document, item, duplicates);
    }
    for (const path of document.duplicates) {
      if (!claimed.has(path)) this.reportField(document, [], { key: null, shown: "" }, duplicate(path, path.at(-1)));
    }
  }

  content(): FileContent {
    if (this.unshown > 0) {
      const more = fileFinding(this.file, { line: 1, column: 1 }, `${this.unshown} more findings in this file`);
      this.findings.push({ key: null, finding: more });
    }
    return {
      entries: this.entries,
      findings: this.findings,
      unreadable: this.unreadable,
      unidentified: this.unidentified,
    };
  }

  private addItem(document: ManifestDocument, item: Item, duplicates: readonly (readonly PathStep[])[]): void {
    const { reading } = this.rules;
    const identity = identify(item.object, this.rules);
    const object = inNamespace(item.object, identity.kind, this.rules);
    const untyped = typeErrors(identity);
    const meaning: Meaning =
      untyped.length > 0 ? { kind: "foreign" } : meaningOf(identity.apiVersion, identity.kind, object, reading);
    const anonymous = identity.kind === duplicateKeyMarker || identity.apiVersion === duplicateKeyMarker;
    if (meaning.kind === "foreign" && untyped.length === 0 && !anonymous) return;
    if (meaning.kind === "unsupported") {
      const message = `${identity.kind} is not supported by this version: it has no effect`;
      this.report(identity.key, identity.shown, document.locate(item.path), message);
      return;
    }
    const ambiguous = duplicates.map((path) => duplicate(path.slice(item.path.length), path.at(-1)));
    const errors = [...untyped, ...ambiguous, ...errorsOf(meaning, identity.apiVersion, ambiguous)];
    for (const error of errors) this.reportField(document, item.path, identity, error);
    const decoding: Decoding | null =
      meaning.kind === "version"
        ? { kind: "policy", value: null, errors }
        : meaning.kind === "foreign"
          ? null
          : meaning;
    const key = decoding === null ? null : (keyOfDecoding(decoding) ?? identity.key);
    if (identity.key === null || key === null) this.unidentified = true;
    if (decoding === null || key === null) return;
    const position = positionAt(this.file, document.locate(document.placesAreCheap ? item.path : []));
    this.entries.push({ ...decoding, key, valid: errors.length === 0, named: identity.named, position });
  }

  private reportField(
    document: ManifestDocument,
    prefix: readonly PathStep[],
    identity: Pick<Identity, "key" | "shown">,
    error: FieldError,
  ): void {
    if (this.findings.length >= this.rules.limits.findings) this.unshown++;
    else {
      const place = document.locate([...prefix, ...error.path]);
      this.report(identity.key, identity.shown, place, `${fieldErrorText(error)}${hintFor(error)}`);
    }
  }

  private report(key: ObjectKey | null, object: string, place: Place, message: string): void {
    if (this.findings.length >= this.rules.limits.findings) this.unshown++;
    else {
      const finding = { position: positionAt(this.file, place), object, message: printable(message) };
      this.findings.push({ key, finding });
    }
  }
}

/** The decoder's errors, without those that only say that the marker of a duplicate key does not fit. */
function errorsOf(
  meaning: Exclude<Meaning, { kind: "unsupported" }>,
  apiVersion: string,
  ambiguous: readonly FieldError[],
): readonly FieldError[] {
  if (meaning.kind === "foreign") return [];
  if (meaning.kind === "version") return [notSupported(["apiVersion"], apiVersion, meaning.supported)];
  return meaning.errors.filter((error) => !ambiguous.some((one) => startsWith(error.path, one.path)));
}
