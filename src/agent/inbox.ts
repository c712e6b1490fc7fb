import type { Change, Cluster } from "../policy/cluster.ts";
import type { Finding, Snapshot, Update } from "../source/source.ts";

/** When an update came. */
export interface Arrival {
  /** As `performance.now()` tells time. */
  readonly at: number;
  /** So many milliseconds before that the API server wrote the newest of it, by two clocks; null: not known. */
  readonly age: number | null;
}

/** Everything that came since the last look, as one. */
export interface Batch {
  /** A fresh start: replaces all that was known. */
  readonly cluster: Cluster | null;
  /** In the order they came, after `cluster`. */
  readonly changes: readonly Change[];
  readonly arrivals: readonly Arrival[];
  readonly findings: readonly Finding[];
  readonly complete: boolean;
  readonly digest: string;
}

export interface Inbox {
  restart(snapshot: Snapshot, arrival: Arrival): void;
  add(update: Update, arrival: Arrival): void;
  /** Of what was not taken yet; null: nothing waits. */
  oldest(): Arrival | null;
  /** Null: nothing came. */
  take(): Batch | null;
}

/** Collects updates while the kernel is busy, so that all that came meanwhile is one change. */
export function createInbox(): Inbox {
  let cluster: Cluster | null = null;
  let updates: Update[] = [];
  let arrivals: Arrival[] = [];
  let latest: Omit<Update, "changes"> | null = null;
  const note = (news: Omit<Update, "changes">, arrival: Arrival) => {
    latest = { findings: news.findings, complete: news.complete, digest: news.digest };
    arrivals.push(arrival);
  };
  return {
    restart: (snapshot, arrival) => {
      cluster = snapshot.cluster;
      updates = [];
      note(snapshot, arrival);
    },
    add: (update, arrival) => {
      updates.push(update);
      note(update, arrival);
    },
    oldest: () => arrivals[0] ?? null,
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
