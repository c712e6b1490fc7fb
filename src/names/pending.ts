import type { Address } from "../net/address.ts";
import { mostPendingQueries, mostPendingQueriesOfPod, queryLifetime } from "./limits.ts";

/** Queries that pods sent and that are not answered yet. Times are milliseconds. */
export interface PendingQueries {
  /**
   * False: this pod has too many, and its oldest is forgotten for it: whoever fills its share, or does so under its
   * address, must be faster than the resolver. `key` says all that the answer must repeat.
   */
  add(key: string, client: Address, now: number): boolean;
  /** Whether it was asked, and not too long ago; it is then no longer pending. */
  take(key: string, now: number): boolean;
  readonly size: number;
}

/** Costs the query; what is over time is found when others come, oldest first. */
export function createPendingQueries(): PendingQueries {
  const pending = new Map<string, { readonly until: number; readonly client: Address }>();
  /** Each in the order of asking, as `pending` is. */
  const ofPods = new Map<Address, Set<string>>();
  const drop = (key: string, client: Address) => {
    pending.delete(key);
    const own = ofPods.get(client);
    own?.delete(key);
    if (own?.size === 0) ofPods.delete(client);
  };
  const forget = (now: number) => {
    // The first that is in time ends it.
    for (const [key, { until, client }] of pending) {
      if (until > now && pending.size < mostPendingQueries) return;
      drop(key, client);
    }
  };
  return {
    add: (key, client, now) => {
      const known = pending.get(key);
      if (known !== undefined) drop(key, known.client);
      forget(now);
      const own = ofPods.get(client) ?? new Set<string>();
      const [oldest] = own;
      const isFull = own.size >= mostPendingQueriesOfPod && oldest !== undefined;
      if (isFull) drop(oldest, client);
      ofPods.set(client, own.add(key));
      pending.set(key, { until: now + queryLifetime, client });
      return !isFull;
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
