import type { Change, Cluster } from "../policy/cluster.ts";
import type { Finding, Snapshot, Update } from "../source/source.ts";

/** Everything that came since the last look, as one. */
export interface Batch {
  /** A fresh start: replaces all that was known. */
  readonly cluster: Cluster | null;
  /** In the order they came, after `cluster`. */
  readonly changes: readonly Change[];
  /** When each update came, as `performance.now()` tells time. */
  readonly arrivals: readonly number[];
  readonly findings: readonly Finding[];
  readonly complete: boolean;
  readonly digest: string;
}

export interface Inbox {
  restart(snapshot: Snapshot, now: number): void;
  add(update: Update, now: number): void;
  /** Null: nothing came. */
  take(): Batch | null;
}

/** Collects updates while the kernel is busy, so that all that came meanwhile is one change. */
export function createInbox(): Inbox {
  let cluster: Cluster | null = null;
  let updates: Update[] = [];
  let arrivals: number[] = [];
  let latest: Omit<Update, "changes"> | null = null;
  const note = (news: Omit<Update, "changes">, now: number) => {
    latest = { findings: news.findings, complete: news.complete, digest: news.digest };
    arrivals.push(now);
  };
  return {
    restart: (snapshot, now) => {
      cluster = snapshot.cluster;
      updates = [];
      note(snapshot, now);
    },
    add: (update, now) => {
      updates.push(update);
      note(update, now);
    },
    take: () => {
      if (latest === null) return null;
      const [only] = updates;
      const changes = updates.length === 1 && only ? only.changes : updates.flatMap((update) => update.changes);
      const batch: Batch = { cluster, changes, arrivals, ...latest };
      cluster = null;
      updates = [];
      arrivals = [];
      latest = null;
      return batch;
    },
  };
}
