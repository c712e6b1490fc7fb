import type { Flow } from "../observe/flow.ts";

/** Puts flows that come from several nodes into the order of their times, as far as they come in time. */
export interface FlowOrder {
  add(flow: Flow): void;
  /** The flows that have waited long enough for others to overtake them, in order. */
  take(now: number): readonly Flow[];
  /** All that wait, in order. */
  rest(): readonly Flow[];
  /** Whether as many wait as may; who adds more should wait until some were taken. */
  isFull(): boolean;
}

interface Held {
  readonly flow: Flow;
  readonly arrived: number;
}

const byTime = (a: Held, b: Held): number =>
  a.flow.time < b.flow.time ? -1 : a.flow.time > b.flow.time ? 1 : a.arrived - b.arrived;

/**
 * `window`: milliseconds that a flow waits. `room`: so many wait at most; of more, the first ones go at once. Nodes'
 * clocks that differ by more than the window show in the order.
 */
export function createFlowOrder(window: number, room: number, now: () => number): FlowOrder {
  let held: Held[] = [];
  const takeFirst = (count: number): readonly Flow[] => {
    const sorted = held.sort(byTime);
    held = sorted.slice(count);
    return sorted.slice(0, count).map(({ flow }) => flow);
  };
  return {
    add: (flow) => void held.push({ flow, arrived: now() }),
    take: (at) => {
      held.sort(byTime);
      // Whatever stands before one whose time is over goes with it.
      const last = held.findLastIndex(({ arrived }) => at - arrived >= window);
      return takeFirst(Math.max(last + 1, held.length - room));
    },
    rest: () => takeFirst(held.length),
    isFull: () => held.length >= room,
  };
}
