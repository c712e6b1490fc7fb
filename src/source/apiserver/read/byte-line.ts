import { MalformedAnswer } from "../seen.ts";

const none = Buffer.alloc(0);

/** An object that is longer than this is no object of Kubernetes (etcd takes 1.5 MB); it must not fill the memory. */
export const longestPiece = 64 << 20;

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/**
 * Bytes that were fed and not yet taken, in one piece. Chunks are joined only where a piece spans several, and then
 * in blocks that double, so that a long piece in small chunks costs its length.
 */
export class ByteLine {
  private held: Buffer = none;
  private start = 0;
  private end = 0;
  /** Whether `held` is a chunk of the caller, which must not be written to. */
  private shared = true;

  /** Everything that was not taken yet, with `chunk` behind it. Valid until the next call. */
  join(chunk: Uint8Array): Buffer {
    if (this.start === this.end) {
      this.held = asBuffer(chunk);
      this.start = 0;
      this.end = chunk.byteLength;
      return this.held;
    }
    const left = this.end - this.start;
    if (left + chunk.byteLength > longestPiece) throw new MalformedAnswer("an object of the answer has no end");
    if (this.end + chunk.byteLength > this.held.length || this.shared) {
      const room = Buffer.allocUnsafeSlow(Math.max(4096, 2 * (left + chunk.byteLength)));
      this.held.copy(room, 0, this.start, this.end);
      this.held = room;
      this.shared = false;
      this.start = 0;
      this.end = left;
    }
    this.held.set(chunk, this.end);
    this.end += chunk.byteLength;
    return this.held.subarray(this.start, this.end);
  }

  /** Says how much of what `join` gave is done with. */
  take(length: number): void {
    this.start += length;
    if (this.start < this.end) return;
    this.held = none;
    this.start = 0;
    this.end = 0;
    this.shared = true;
  }

  /** How many bytes wait for the rest of their piece. */
  get waiting(): number {
    return this.end - this.start;
  }
}
