import type { PathStep } from "../../kube/field-error.ts";

/**
 * Stands in a value where a key was given twice. No field that we read takes it (it has spaces and brackets), so the
 * decoders treat the field as unreadable, which is what fails closed; guessing which of the two was meant is not.
 */
export const duplicateKeyMarker = "<duplicate key>";

/** Lines and columns from 1; columns in UTF-16 units, as editors and SARIF count. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One document of a file. */
export interface ManifestDocument {
  readonly kind: "document";
  readonly value: unknown;
  /** Paths of keys that were given twice; the marker stands there. */
  readonly duplicates: readonly (readonly PathStep[])[];
  /** Where a field stands, or the nearest thing above it that is there. */
  locate(path: readonly PathStep[]): Place;
  /** False where the first look for a place costs another walk through the text (JSON). */
  readonly placesAreCheap: boolean;
}

/** A part of a file that cannot be parsed; what stood in it is not known. */
export interface BrokenDocument {
  readonly kind: "broken";
  readonly place: Place;
  /** The parser's words; may hold text of the file. */
  readonly message: string;
}
