import type { Address } from "../net/address.ts";
import type { Segment } from "../net/packet.ts";
import { mostStreams, mostStreamsOfPod, streamLifetime } from "./limits.ts";
import { type Stream, aheadOf, createStream } from "./stream.ts";

/** What is to become of a segment: it goes, or it waits for a batch (its number) to be in the kernel. */
export type Wait = number;
export const goesAtOnce: Wait = 0;

/** Reads one message; gives the batch that what it teaches is in. */
export type MessageTaker = (bytes: Uint8Array) => Wait;

/** TCP connections between pods and resolvers, from their first packet on. Times are milliseconds. */
export interface Streams {
  /**
   * `pod`: whose limit it counts for. The segment waits for what the messages that it completes teach; so do copies of
   * it that are sent again meanwhile. "lost": it belongs to a connection that cannot be followed (any more).
   */
  take(segment: Segment, pod: Address, now: number, message: MessageTaker): Wait | "lost";
  readonly size: number;
}

interface Followed {
  readonly stream: Stream;
  readonly pod: Address;
  until: number;
  /** Up to here (TCP's number) segments wait for this batch. */
  held: { readonly end: number; readonly batch: Wait };
}

const keyOf = ({ source, sourcePort, destination, destinationPort }: Segment): string =>
  `${source} ${sourcePort} ${destination} ${destinationPort}`;

const oppositeOf = ({ source, sourcePort, destination, destinationPort }: Segment): string =>
  `${destination} ${destinationPort} ${source} ${sourcePort}`;

/** `isOver(batch)`: whether a batch need not be waited for any more. */
export function createStreams(isOver: (batch: Wait) => boolean): Streams {
  const directions = new Map<string, Followed>();
  const perPod = new Map<Address, number>();
  const drop = (key: string) => {
    const found = directions.get(key);
    if (found === undefined) return;
    directions.delete(key);
    const left = (perPod.get(found.pod) ?? 1) - 1;
    if (left > 0) perPod.set(found.pod, left);
    else perPod.delete(found.pod);
  };
  const forget = (now: number) => {
    for (const [key, { until }] of directions) {
      if (until > now && directions.size < 2 * mostStreams) return;
      drop(key);
    }
  };
  const open = (segment: Segment, pod: Address, now: number): void => {
    const key = keyOf(segment);
    drop(key);
    forget(now);
    const count = perPod.get(pod) ?? 0;
    if (count >= 2 * mostStreamsOfPod) return;
    perPod.set(pod, count + 1);
    const stream = createStream((segment.sequence + 1) >>> 0);
    directions.set(key, { stream, pod, until: now + streamLifetime, held: { end: 0, batch: goesAtOnce } });
  };
  const waitOf = ({ held }: Followed, { sequence, payload }: Segment): Wait =>
    held.batch !== goesAtOnce && payload.length > 0 && aheadOf(held.end, sequence) > 0 && !isOver(held.batch)
      ? held.batch
      : goesAtOnce;
  return {
    take: (segment, pod, now, message) => {
      const key = keyOf(segment);
      if (segment.resets) {
        drop(key);
        drop(oppositeOf(segment));
        return goesAtOnce;
      }
      if (segment.opens) {
        open(segment, pod, now);
        // What a client that has asked this server before sends with its first packet (RFC 7413).
        directions.get(key)?.stream.take((segment.sequence + 1) >>> 0, segment.payload, message);
        return goesAtOnce;
      }
      const followed = directions.get(key);
      if (followed === undefined) return segment.payload.length === 0 ? goesAtOnce : "lost";
      // Those that are silent for longest stand first.
      directions.delete(key);
      directions.set(key, followed);
      followed.until = now + streamLifetime;
      let batch = goesAtOnce;
      const goesOn = followed.stream.take(segment.sequence, segment.payload, (bytes) => {
        batch = Math.max(batch, message(bytes));
      });
      if (batch !== goesAtOnce) followed.held = { end: followed.stream.next(), batch };
      if (!goesOn) drop(key);
      return goesOn ? waitOf(followed, segment) : "lost";
    },
    get size() {
      return directions.size;
    },
  };
}
