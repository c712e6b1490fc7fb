/**
 * Writes netlink messages into one growing buffer that is used again and again. Numbers of netlink itself are in host
 * order, which is little-endian on every machine this package has a Node for (x64, arm64).
 */
export class MessageWriter {
  buffer: Buffer;
  length = 0;
  private readonly room: number;
  private messageStart = 0;

  /** `room`: bytes kept between uses; a larger batch takes more and gives it back at `reset`. */
  constructor(room: number) {
    this.room = room;
    this.buffer = Buffer.allocUnsafeSlow(room);
  }

  reset(): void {
    this.length = 0;
    if (this.buffer.length > this.room) this.buffer = Buffer.allocUnsafeSlow(this.room);
  }

  private need(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  /** Starts a message: nlmsghdr. */
  begin(type: number, flags: number, sequence: number): void {
    this.need(16);
    const at = this.length;
    this.messageStart = at;
    this.buffer.writeUInt32LE(0, at);
    this.buffer.writeUInt16LE(type, at + 4);
    this.buffer.writeUInt16LE(flags, at + 6);
    this.buffer.writeUInt32LE(sequence, at + 8);
    this.buffer.writeUInt32LE(0, at + 12);
    this.length = at + 16;
  }

  /** nfgenmsg, the header of every netfilter message. */
  netfilterHeader(family: number, resource: number): void {
    this.need(4);
    const at = this.length;
    this.buffer[at] = family;
    this.buffer[at + 1] = 0;
    this.buffer.writeUInt16BE(resource, at + 2);
    this.length = at + 4;
  }

  end(): void {
    this.buffer.writeUInt32LE(this.length - this.messageStart, this.messageStart);
  }

  /** Sets flags in the message written last. */
  addFlags(flags: number): void {
    const at = this.messageStart + 6;
    this.buffer.writeUInt16LE(this.buffer.readUInt16LE(at) | flags, at);
  }

  /** Starts a nested attribute; give the result to `endNest`. */
  beginNest(type: number): number {
    this.need(4);
    const at = this.length;
    this.buffer.writeUInt16LE(type | 0x8000, at + 2);
    this.length = at + 4;
    return at;
  }

  endNest(start: number): void {
    this.buffer.writeUInt16LE(this.length - start, start);
  }

  /** Starts an attribute of `size` bytes, which the caller writes at the result; padding is zeroed. */
  attribute(type: number, size: number): number {
    const padded = (size + 3) & ~3;
    this.need(4 + padded);
    const at = this.length;
    const { buffer } = this;
    buffer.writeUInt16LE(4 + size, at);
    buffer.writeUInt16LE(type, at + 2);
    for (let index = at + 4 + size; index < at + 4 + padded; index += 1) buffer[index] = 0;
    this.length = at + 4 + padded;
    return at + 4;
  }

  u8(type: number, value: number): void {
    const at = this.attribute(type, 1);
    this.buffer[at] = value;
  }

  u16(type: number, value: number): void {
    const at = this.attribute(type, 2);
    this.buffer.writeUInt16BE(value, at);
  }

  /** Network order, as netfilter has its numbers. */
  u32(type: number, value: number): void {
    const at = this.attribute(type, 4);
    this.buffer.writeUInt32BE(value >>> 0, at);
  }

  u64(type: number, value: bigint): void {
    const at = this.attribute(type, 8);
    this.buffer.writeBigUInt64BE(value, at);
  }

  /** Host order: what registers hold of a mark, a state, an interface. */
  u32Host(type: number, value: number): void {
    const at = this.attribute(type, 4);
    this.buffer.writeUInt32LE(value >>> 0, at);
  }

  bytes(type: number, value: Uint8Array): void {
    const at = this.attribute(type, value.length);
    this.buffer.set(value, at);
  }

  /** NUL-terminated. */
  string(type: number, value: string): void {
    const size = Buffer.byteLength(value);
    const at = this.attribute(type, size + 1);
    this.buffer.write(value, at);
    this.buffer[at + size] = 0;
  }
}
