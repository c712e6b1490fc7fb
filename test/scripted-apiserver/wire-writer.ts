/** Writes protobuf's wire format: what an API server in Go writes, for the fields that tests speak of. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(1 << 12);
  #length = 0;

  /** What was written since the last call; valid until the next write. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  varint(value: number): void {
    this.#room(10);
    if (value < 0) {
      for (let rest = BigInt.asUintN(64, BigInt(value)), count = 0; count < 10; count++, rest >>= 7n) {
        this.#bytes[this.#length++] = Number(rest & 127n) | (count < 9 ? 128 : 0);
      }
      return;
    }
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
  }

  integer(field: number, value: number): void {
    this.varint(field * 8);
    this.varint(value);
  }

  text(field: number, value: string): void {
    this.varint(field * 8 + 2);
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#room(length);
    this.#length += this.#bytes.write(value, this.#length);
  }

  bytes(field: number, value: Uint8Array): void {
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A message inside; its length is put before it once it is known. */
  message(field: number, write: () => void): void {
    this.varint(field * 8 + 2);
    const start = this.#length;
    write();
    const length = this.#length - start;
    const size = length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : length < 1 << 21 ? 3 : 4;
    this.#room(size);
    this.#bytes.copyWithin(start + size, start, this.#length);
    this.#length = start;
    this.varint(length);
    this.#length = start + size + length;
  }

  #room(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const more = Buffer.allocUnsafe(2 * (this.#length + length));
    this.#bytes.copy(more, 0, 0, this.#length);
    this.#bytes = more;
  }
}
