import { mostEarlySegments, mostStreamBytes } from "./limits.ts";

/** One direction of a TCP connection, put together into DNS messages (RFC 1035, 4.2.2: a length of two bytes before each). */
export interface Stream {
  /**
   * Takes a segment, in whatever order they come and come again; calls back for each message that it completes. False:
   * the stream can no longer be followed (it is none of DNS, or too much of it came too early).
   */
  take(sequence: number, payload: Uint8Array, message: (bytes: Uint8Array) => void): boolean;
  /** TCP's number of the byte that is wanted next. */
  next(): number;
  /** Bytes that are kept: of a message that is not complete, and of what came too early. */
  kept(): number;
}

/** How far `a` is ahead of `b` in numbers that begin anew after 2^32; negative: behind. */
export const aheadOf = (a: number, b: number): number => (a - b) | 0;

const add = (sequence: number, length: number): number => (sequence + length) >>> 0;

interface Early {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** `first`: TCP's number of the first byte. Costs the bytes of the segment; keeps `mostStreamBytes` at most. */
export function createStream(first: number): Stream {
  let next = first;
  let begun: Uint8Array = new Uint8Array();
  let early: Early[] = [];
  let earlyBytes = 0;

  const messagesOf = (bytes: Uint8Array, message: (bytes: Uint8Array) => void): void => {
    const all = begun.length === 0 ? bytes : joined(begun, bytes);
    let at = 0;
    while (at + 2 <= all.length) {
      const end = at + 2 + (all[at] ?? 0) * 256 + (all[at + 1] ?? 0);
      if (end > all.length) break;
      message(all.subarray(at + 2, end));
      at = end;
    }
    // A copy, which `slice` is not where the bytes are a Buffer of Node's.
    begun = new Uint8Array(all.subarray(at));
  };

  const inOrder = (sequence: number, payload: Uint8Array, message: (bytes: Uint8Array) => void): void => {
    const known = aheadOf(next, sequence);
    if (known >= payload.length) return;
    next = add(sequence, payload.length);
    messagesOf(payload.subarray(known), message);
  };

  const keep = (sequence: number, payload: Uint8Array): boolean => {
    if (early.some((other) => other.sequence === sequence && other.payload.length >= payload.length)) return true;
    earlyBytes += payload.length;
    if (early.length >= mostEarlySegments || earlyBytes > mostStreamBytes) return false;
    early.push({ sequence, payload: new Uint8Array(payload) });
    return true;
  };

  return {
    take: (sequence, payload, message) => {
      if (payload.length === 0) return true;
      if (aheadOf(sequence, next) > 0) return keep(sequence, payload);
      inOrder(sequence, payload, message);
      for (let ready = early; ready.length > 0;) {
        ready = early.filter((other) => aheadOf(other.sequence, next) <= 0);
        early = early.filter((other) => !ready.includes(other));
        for (const other of ready.toSorted((a, b) => aheadOf(a.sequence, b.sequence))) {
          earlyBytes -= other.payload.length;
          inOrder(other.sequence, other.payload, message);
        }
      }
      return true;
    },
    next: () => next,
    kept: () => begun.length + earlyBytes,
  };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
