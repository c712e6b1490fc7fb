import type { Address } from "../net/address.ts";
import type { Segment } from "../net/packet.ts";
import {
  mostStreamBytesOfNode,
  mostStreamBytesOfPod,
  mostStreams,
  mostStreamsOfPod,
  streamLifetime,
} from "./limits.ts";
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
  /** Bytes of it that are kept, as they were counted last. */
  kept: number;
  /** Up to here (TCP's number) segments wait for this batch. */
  held: { readonly end: number; readonly batch: Wait };
}

const keyOf = ({ source, sourcePort, destination, destinationPort }: Segment): string =>
  `${source} ${sourcePort} ${destination} ${destinationPort}`;

const oppositeOf = ({ source, sourcePort, destination, destinationPort }: Segment): string =>
  `${destination} ${destinationPort} ${source} ${sourcePort}`;

/** What is kept of the streams of each pod and of all, in bytes. */
function createKept() {
  const ofPods = new Map<Address, number>();
  let all = 0;
  return {
    change: (pod: Address, by: number): void => {
      if (by === 0) return;
      all += by;
      const bytes = (ofPods.get(pod) ?? 0) + by;
      if (bytes > 0) ofPods.set(pod, bytes);
      else ofPods.delete(pod);
    },
    isTooMuchOf: (pod: Address): boolean => (ofPods.get(pod) ?? 0) > mostStreamBytesOfPod,
    isTooMuch: (): boolean => all > mostStreamBytesOfNode,
  };
}

/** `isOver(batch)`: whether a batch need not be waited for any more. */
export function createStreams(isOver: (batch: Wait) => boolean): Streams {
  const directions = new Map<string, Followed>();
  /** Keys of each pod's, those that are silent for longest first, as in `directions`. */
  const ofPods = new Map<Address, Set<string>>();
  const kept = createKept();
  const drop = (key: string) => {
    const found = directions.get(key);
    if (found === undefined) return;
    directions.delete(key);
    kept.change(found.pod, -found.kept);
    const own = ofPods.get(found.pod);
    own?.delete(key);
    if (own?.size === 0) ofPods.delete(found.pod);
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
    // Not the new one: else a few beginnings under a pod's address would leave it without any for a minute.
    for (const oldest of ofPods.get(pod) ?? []) {
      if ((ofPods.get(pod)?.size ?? 0) < 2 * mostStreamsOfPod) break;
      drop(oldest);
    }
    ofPods.set(pod, (ofPods.get(pod) ?? new Set<string>()).add(key));
    const stream = createStream((segment.sequence + 1) >>> 0);
    directions.set(key, { stream, pod, until: now + streamLifetime, kept: 0, held: { end: 0, batch: goesAtOnce } });
  };
  /** False: its pod has too much; too much of all pods costs those that are silent for longest. */
  const hasRoom = (followed: Followed): boolean => {
    const bytes = followed.stream.kept();
    kept.change(followed.pod, bytes - followed.kept);
    followed.kept = bytes;
    for (const [key, other] of directions) {
      if (!kept.isTooMuch()) break;
      if (other.kept > 0) drop(key);
    }
    return !kept.isTooMuchOf(followed.pod);
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
        const opened = directions.get(key);
        opened?.stream.take((segment.sequence + 1) >>> 0, segment.payload, message);
        if (opened !== undefined && !hasRoom(opened)) drop(key);
        return goesAtOnce;
      }
      const followed = directions.get(key);
      if (followed === undefined) return segment.payload.length === 0 ? goesAtOnce : "lost";
      // Those that are silent for longest stand first.
      directions.delete(key);
      directions.set(key, followed);
      const own = ofPods.get(followed.pod);
      own?.delete(key);
      own?.add(key);
      followed.until = now + streamLifetime;
      let batch = goesAtOnce;
      const goesOn = followed.stream.take(segment.sequence, segment.payload, (bytes) => {
        batch = Math.max(batch, message(bytes));
      });
      if (batch !== goesAtOnce) followed.held = { end: followed.stream.next(), batch };
      const isFollowed = hasRoom(followed) && goesOn;
      if (!isFollowed) drop(key);
      return isFollowed || batch !== goesAtOnce ? waitOf(followed, segment) : "lost";
    },
    get size() {
      return directions.size;
    },
  };
}
