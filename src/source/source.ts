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
  /** Which object of the API server it is about, to tell its owner by an Event; absent or null for manifests. */
  readonly reference?: ObjectReference | null;
}

/** An object of the API server as an Event refers to it. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Where the cluster's state comes from: a folder of manifests, or an API server. */
export interface Source {
  /** All of it, once. Rejects only where nothing can be read at all. */
  snapshot(signal: AbortSignal): Promise<Snapshot>;
  /** What changes after the snapshot, batched as they come; ends when the signal aborts. */
  changes(signal: AbortSignal): AsyncIterable<Update>;
  /** How well it can see what it follows; absent: a source that cannot lose sight (a folder). */
  readonly health?: () => SourceHealth;
}

/** How a source that follows a server fares, now. What was read stays in force whatever it says. */
export interface SourceHealth {
  /** True while every resource is being watched. */
  readonly connected: boolean;
  /** Why it is not connected, for the operator; null: it is. */
  readonly reason: string | null;
  /** When the server was last heard, milliseconds since the epoch; null: never. */
  readonly lastHeard: number | null;
  readonly resources: readonly ResourceHealth[];
}

/** One list and watch. */
export interface ResourceHealth {
  /** `pods`, `networkpolicies.networking.k8s.io`, … */
  readonly resource: string;
  readonly state: "listing" | "watching" | "waiting" | "absent";
  /** Of the newest state that was given out; empty: none yet. */
  readonly resourceVersion: string;
  readonly objects: number;
  /** Since the start: full lists, watches opened, watches that failed, events taken, bytes read. */
  readonly lists: number;
  readonly watches: number;
  readonly failures: number;
  readonly events: number;
  readonly bytes: number;
  /** Time that reading them took, decoding and all; absent: not measured. */
  readonly readSeconds?: number;
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
  /** The newest time that the API server wrote on what changed, milliseconds since the epoch; absent: not known. */
  readonly stampedAt?: number;
}
