/** One line of the code, broken. */
export interface Mutant {
  /** The line of docs/semantics.md that it breaks. */
  readonly line: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly replacement: string;
}
