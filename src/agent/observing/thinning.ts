import type { Flow } from "../../observe/flow.ts";

/** Lets the first of equal flows through, and one in a while after it, with the number of those between. */
export interface Thinning {
  /** How many equal ones were held back since the last that was let through; null: this one is held back too. */
  readonly pass: (flow: Flow, now: number) => number | null;
  /** How many kinds of flows it keeps in mind. */
  readonly size: number;
}

interface Seen {
  readonly since: number;
  held: number;
}

/** Equal: the same two ends, protocol, port of the server, direction and verdict. The client's port does not count. */
function keyOf({ from, to, protocol, direction, verdict }: Flow): string {
  return `${verdict} ${direction} ${protocol} ${from.address} ${to.address} ${to.port}`;
}

/**
 * `every`: milliseconds. `room`: so many kinds are remembered at most; in a flood of more, the one that was let through
 * longest ago is forgotten, and may come through once too often.
 */
export function createThinning(every: number, room: number): Thinning {
  /** In the order in which they were let through. */
  const seen = new Map<string, Seen>();
  const forget = (now: number): void => {
    for (const [key, { since, held }] of seen) {
      // What was held back is told with the next one, should there be one soon.
      const isOver = now - since >= (held > 0 ? 2 * every : every);
      if (!isOver && seen.size < room) return;
      seen.delete(key);
    }
  };
  return {
    pass: (flow, now) => {
      const key = keyOf(flow);
      const last = seen.get(key);
      if (last !== undefined && now - last.since < every && now >= last.since) {
        last.held += 1;
        return null;
      }
      seen.delete(key);
      forget(now);
      seen.set(key, { since: now, held: 0 });
      return last?.held ?? 0;
    },
    get size() {
      return seen.size;
    },
  };
}
