import type { Address } from "../net/address.ts";
import { mostPendingQueries, mostPendingQueriesOfPod, queryLifetime } from "./limits.ts";

/** Queries that pods sent and that are not answered yet. Times are milliseconds. */
export interface PendingQueries {
  /** False: this pod has too many, it is not kept. `key` says all that the answer must repeat. */
  add(key: string, client: Address, now: number): boolean;
  /** Whether it was asked, and not too long ago; it is then no longer pending. */
  take(key: string, now: number): boolean;
  readonly size: number;
}

/** Costs the query; what is over time is found when others come, oldest first. */
export function createPendingQueries(): PendingQueries {
  const pending = new Map<string, { readonly until: number; readonly client: Address }>();
  const perPod = new Map<Address, number>();
  const drop = (key: string, client: Address) => {
    pending.delete(key);
    const left = (perPod.get(client) ?? 1) - 1;
    if (left > 0) perPod.set(client, left);
    else perPod.delete(client);
  };
  const forget = (now: number) => {
    // In the order of asking, so the first that is in time ends it.
    for (const [key, { until, client }] of pending) {
      if (until > now && pending.size < mostPendingQueries) return;
      drop(key, client);
    }
  };
  return {
    add: (key, client, now) => {
      const known = pending.get(key);
      if (known !== undefined) drop(key, client);
      forget(now);
      const count = perPod.get(client) ?? 0;
      if (count >= mostPendingQueriesOfPod) return false;
      perPod.set(client, count + 1);
      pending.set(key, { until: now + queryLifetime, client });
      return true;
    },
    take: (key, now) => {
      const known = pending.get(key);
      if (known === undefined) return false;
      drop(key, known.client);
      return known.until > now;
    },
    get size() {
      return pending.size;
    },
  };
}
