import type { Family } from "./address.ts";

/** An address block in canonical form: bits after the prefix are zero. */
export interface Cidr {
  readonly family: Family;
  /** The first address as a number. */
  readonly base: bigint;
  /** Prefix length, 0-32 or 0-128. */
  readonly bits: number;
}
