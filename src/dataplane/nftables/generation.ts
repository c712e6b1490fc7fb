import { randomInt } from "node:crypto";

/**
 * How the bits of the connection mark that are ours are used. All but the highest hold the generation in which the
 * connection was accepted, 0 for none. The highest says that its egress was accepted at some time; it has a bit of its
 * own so that two packets of a connection that are decided at the same time on two CPUs cannot undo each other's
 * progress. The other bits belong to others and are never changed.
 */
export interface MarkLayout {
  readonly mask: number;
  readonly egressBit: number;
  readonly generationMask: number;
  readonly shift: number;
  /** The largest generation. */
  readonly last: number;
}

const shiftOf = (mask: number): number => 31 - Math.clz32(mask & -mask);

/** Whether it is 8 to 32 bits in a row. */
export function isMarkMask(mask: number): boolean {
  if (mask >>> 0 !== mask || mask === 0) return false;
  const ones = mask >>> shiftOf(mask);
  return ones >= 0xff && (ones & (ones + 1)) === 0;
}

/** Throws RangeError unless the mask is 8 to 32 bits in a row. */
export function markLayout(mask: number): MarkLayout {
  const whole = mask >>> 0;
  if (whole !== mask || whole === 0) throw new RangeError(`--ct-mark-mask ${mask}: not a mask of 32 bits`);
  if (!isMarkMask(whole)) throw new RangeError(`--ct-mark-mask ${hexMark(whole)}: needs at least 8 bits, all in a row`);
  const shift = shiftOf(whole);
  const bits = 32 - Math.clz32(whole >>> shift);
  const egressBit = 2 ** (shift + bits - 1);
  return { mask: whole, egressBit, generationMask: whole - egressBit, shift, last: 2 ** (bits - 1) - 1 };
}

/** The mark (our bits of it) of a connection that was accepted in this generation. */
export function stampOf(layout: MarkLayout, generation: number): number {
  return (generation << layout.shift) >>> 0;
}

/** The generation of a mark, or null where the bits say none. */
export function generationOf(layout: MarkLayout, mark: number): number | null {
  const generation = (mark & layout.generationMask) >>> layout.shift;
  return generation === 0 ? null : generation;
}

export function nextGeneration(layout: MarkLayout, generation: number): number {
  return generation >= layout.last ? 1 : generation + 1;
}

/** Where a kernel starts that holds nothing of ours: random, so that marks left from an earlier life hardly fit. */
export function randomGeneration(layout: MarkLayout): number {
  return randomInt(1, layout.last + 1);
}

/** Eight hexadecimal digits, as nft prints marks. */
export function hexMark(mark: number): string {
  return `0x${(mark >>> 0).toString(16).padStart(8, "0")}`;
}
