import type { Change, Cluster, PolicyVersion } from "../policy/cluster.ts";
import type { PolicyId } from "../policy/policy.ts";

/** What is known of one policy: what was read, and what the kernel has. */
export interface LedgerEntry {
  readonly id: PolicyId;
  readonly mode: "enforce" | "audit";
  /** Of what was read last; null: the source knows no versions. */
  readonly version: PolicyVersion | null;
  /** Of what the kernel enforces; null: nothing of it, or not known. */
  readonly inForce: PolicyVersion | null;
  /** `current`: the kernel enforces what was read last; `pending`: not yet; `leaving`: it was deleted, but not there yet. */
  readonly standing: "current" | "pending" | "leaving";
}

/** Which version of the input the kernel has. */
export interface InForce {
  readonly digest: string;
  /** When it was brought there, milliseconds since the epoch. */
  readonly at: number;
  /** By resource, as the source counts; empty: it does not. */
  readonly resourceVersions: ReadonlyMap<string, string>;
}

/** Follows each policy's version from the source into the kernel. */
export interface Ledger {
  restart(cluster: Cluster): void;
  note(changes: readonly Change[]): void;
  /** All that was noted so far has been compiled. */
  compiled(): void;
  /** The kernel has all that was compiled; `digest` names it. */
  settled(digest: string | null): void;
  /** Nobody knows any more that the kernel has any of it. */
  emptied(): void;
  /** How many policies there are. */
  size(): number;
  entries(): Iterable<LedgerEntry>;
  entry(id: string): LedgerEntry | null;
  inForce(): InForce | null;
}

interface Row {
  readonly id: PolicyId;
  mode: "enforce" | "audit";
  version: PolicyVersion | null;
  inForce: PolicyVersion | null;
  gone: boolean;
  /** The kernel has some version of it. */
  held: boolean;
  /** Of the note that changed it last. */
  turn: number;
}

export interface LedgerParts {
  readonly now: () => number;
  /** How far the source has got, by resource. */
  readonly resourceVersions: () => ReadonlyMap<string, string>;
}

export function createLedger(parts: LedgerParts): Ledger {
  let rows = new Map<string, Row>();
  /** Rows that the kernel does not have yet. */
  const open = new Set<Row>();
  let noted = 0;
  let compiled = 0;
  let settledTurn = 0;
  let versions = {
    noted: new Map() as ReadonlyMap<string, string>,
    compiled: new Map() as ReadonlyMap<string, string>,
  };
  let inForce: InForce | null = null;

  const put = (id: PolicyId, mode: Row["mode"], version: PolicyVersion | null, before: Row | undefined) => {
    const row: Row = before ?? { id, mode, version, inForce: null, gone: false, held: false, turn: noted };
    Object.assign(row, { mode, version, gone: false, turn: noted });
    rows.set(id, row);
    open.add(row);
  };
  const noteOne = (change: Change) => {
    if (change.kind === "policy")
      return put(change.policy.id, change.policy.mode, change.version ?? null, rows.get(change.policy.id));
    const row = change.kind === "gone" ? rows.get(change.key) : undefined;
    if (row === undefined) return;
    row.gone = true;
    row.turn = noted;
    open.add(row);
  };
  const turn = () => {
    noted += 1;
    versions = { ...versions, noted: parts.resourceVersions() };
  };
  const entryOf = ({ id, mode, version, inForce: had, gone, turn: at }: Row): LedgerEntry => ({
    id,
    mode,
    version,
    inForce: had,
    standing: gone ? "leaving" : at <= settledTurn ? "current" : "pending",
  });

  return {
    restart: (cluster) => {
      turn();
      const before = rows;
      rows = new Map();
      open.clear();
      for (const { id, mode } of cluster.policies) put(id, mode, cluster.versions?.get(id) ?? null, before.get(id));
      for (const row of before.values()) {
        if (rows.has(row.id) || !row.held) continue;
        rows.set(row.id, Object.assign(row, { gone: true, turn: noted }));
        open.add(row);
      }
    },
    note: (changes) => {
      turn();
      for (const change of changes) noteOne(change);
    },
    compiled: () => {
      compiled = noted;
      versions = { ...versions, compiled: versions.noted };
    },
    settled: (digest) => {
      if (digest !== null && (digest !== inForce?.digest || settledTurn !== compiled))
        inForce = { digest, at: parts.now(), resourceVersions: versions.compiled };
      settledTurn = compiled;
      for (const row of open) {
        if (row.turn > settledTurn) continue;
        open.delete(row);
        if (row.gone) rows.delete(row.id);
        else Object.assign(row, { inForce: row.version, held: true });
      }
    },
    emptied: () => {
      inForce = null;
      settledTurn = 0;
      for (const row of rows.values()) {
        Object.assign(row, { inForce: null, held: false });
        if (row.gone) rows.delete(row.id);
        else open.add(row);
      }
    },
    size: () => rows.size,
    *entries() {
      for (const row of rows.values()) yield entryOf(row);
    },
    entry: (id) => {
      const row = rows.get(id);
      return row === undefined ? null : entryOf(row);
    },
    inForce: () => inForce,
  };
}
