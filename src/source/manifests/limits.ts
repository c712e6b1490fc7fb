/** What the reader of manifests takes in. Far above what people write, far below what stops a machine. */
export interface Limits {
  /** Bytes of one file; more does not fit into one string of the engine (2^29 - 24 characters). */
  readonly fileBytes: number;
  /** Lexical tokens of one YAML document (about two characters each); one costs some hundred bytes of memory. */
  readonly yamlTokens: number;
  /** Nesting of a YAML document; the parser calls itself for each level. */
  readonly yamlDepth: number;
  /** Values of one YAML document after its aliases are followed (a "billion laughs" has more). */
  readonly yamlValues: number;
  /** Files of a folder. */
  readonly files: number;
  /** Findings kept of one file; the rest is counted. */
  readonly findings: number;
}

export const defaultLimits: Limits = {
  fileBytes: 500 * 1024 * 1024,
  yamlTokens: 4_000_000,
  yamlDepth: 500,
  yamlValues: 2_000_000,
  files: 100_000,
  findings: 1000,
};
