import { type FlowFilter, matchesFilter } from "../../observe/flow-filter.ts";
import { type Flow, flowLine } from "../../observe/flow.ts";

/** Where the lines of somebody who observes go. */
export interface FlowSink {
  /** False: it has taken this one, and wants no more until `drained`. */
  readonly write: (line: string) => boolean;
}

export interface Subscription {
  /** The sink takes lines again. */
  drained(): void;
  end(): void;
}

/** Those who observe. What a slow one has not taken waits, so much and no more; then it is told how much is missing. */
export interface Subscribers {
  publish(flow: Flow): void;
  /** Null: there are too many already. */
  subscribe(filter: FlowFilter, sink: FlowSink): Subscription | null;
  readonly size: number;
}

const mostSubscribers = 32;
/** Characters that wait for one of them: 2,000 flows or so. */
const mostWaiting = 1 << 20;

interface Subscriber {
  readonly filter: FlowFilter;
  readonly sink: FlowSink;
  waiting: string[];
  /** How many characters that is. */
  size: number;
  isFull: boolean;
  lost: number;
}

export function createSubscribers(node: string, now: () => number): Subscribers {
  const subscribers = new Set<Subscriber>();

  const offer = (to: Subscriber, line: string): void => {
    if (!to.isFull && to.waiting.length === 0) to.isFull = !to.sink.write(line);
    else if (to.size < mostWaiting && to.lost === 0) {
      to.waiting.push(line);
      to.size += line.length;
    }
    // Once something is missing nothing is taken until all that waits is gone: the gap is one, and told in its place.
    else to.lost += 1;
  };

  const flush = (to: Subscriber): void => {
    to.isFull = false;
    let written = 0;
    for (const line of to.waiting) {
      if (to.isFull) break;
      to.isFull = !to.sink.write(line);
      to.size -= line.length;
      written += 1;
    }
    to.waiting = to.waiting.slice(written);
    if (to.isFull || to.lost === 0) return;
    const count = to.lost;
    to.lost = 0;
    const time = new Date(now()).toISOString();
    to.isFull = !to.sink.write(flowLine({ apiVersion: "portcullis.dev/v1", kind: "FlowsLost", time, node, count }));
  };

  return {
    publish: (flow) => {
      let line: string | null = null;
      for (const subscriber of subscribers) {
        if (!matchesFilter(subscriber.filter, flow)) continue;
        line ??= flowLine(flow);
        offer(subscriber, line);
      }
    },
    subscribe: (filter, sink) => {
      if (subscribers.size >= mostSubscribers) return null;
      const subscriber: Subscriber = { filter, sink, waiting: [], size: 0, isFull: false, lost: 0 };
      subscribers.add(subscriber);
      return { drained: () => flush(subscriber), end: () => void subscribers.delete(subscriber) };
    },
    get size() {
      return subscribers.size;
    },
  };
}
