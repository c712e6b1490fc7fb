import type { Change, Cluster } from "../policy/cluster.ts";

/** Where a finding stands in its file; lines and columns from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something wrong with an input object: reported, and of no effect on anything else. */
export interface Finding {
  readonly position: Position | null;
  /** `Kind/namespace/name` as far as it could be read. */
  readonly object: string;
  /** `path: message` in Kubernetes' words, or the parser's message. Safe to print. */
  readonly message: string;
}

/** Where the cluster's state comes from: a folder of manifests, or an API server. */
export interface Source {
  /** All of it, once. Rejects only where nothing can be read at all. */
  snapshot(signal: AbortSignal): Promise<Snapshot>;
  /** What changes after the snapshot, batched as they come; ends when the signal aborts. */
  changes(signal: AbortSignal): AsyncIterable<Update>;
}

export interface Snapshot {
  readonly cluster: Cluster;
  readonly findings: readonly Finding[];
  /** False while something could not be read at all (semantics.md, 9, last sentence): do not enforce from it yet. */
  readonly complete: boolean;
  /** Identifies this input: hex SHA-256 over what was read. `/readyz` tells which one is in force. */
  readonly digest: string;
}

export interface Update {
  readonly changes: readonly Change[];
  /** All findings that hold after the update, not only new ones. */
  readonly findings: readonly Finding[];
  readonly complete: boolean;
  readonly digest: string;
}
