import { type Address, addressBytes } from "../src/net/address.ts";

/** In network order. */
export const word = (value: number): readonly number[] => [value >> 8, value & 255];

/** An IP packet: what its headers say. */
export interface Built {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly payload: readonly number[];
}

/** `offset`: the flags and the offset of a fragment; `options`: so many words of them. */
export function packet4({ source, destination, protocol, payload }: Built, offset = 0, options = 0): Uint8Array {
  const header = [
    0x45 + options,
    0,
    ...word(20 + 4 * options + payload.length),
    0,
    1,
    ...word(offset),
    64,
    protocol,
    0,
    0,
  ];
  const padding = Array.from({ length: 4 * options }, () => 1);
  return Uint8Array.from([...header, ...addressBytes(source), ...addressBytes(destination), ...padding, ...payload]);
}

/** `headers`: extension headers, each with its number and its bytes after the next-header byte. */
export function packet6(built: Built, headers: readonly (readonly [number, readonly number[]])[] = []): Uint8Array {
  const numbers = [...headers.map(([number]) => number), built.protocol];
  const chain = headers.flatMap(([, rest], index) => [numbers[index + 1] ?? 59, ...rest]);
  const body = [...chain, ...built.payload];
  const ends = [...addressBytes(built.source), ...addressBytes(built.destination)];
  return Uint8Array.from([0x60, 0, 0, 0, ...word(body.length), numbers[0] ?? 59, 64, ...ends, ...body]);
}
