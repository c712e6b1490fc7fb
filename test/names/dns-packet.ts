/** DNS messages in IP packets. */
import type { Address } from "../../src/net/address.ts";
import { packet4, packet6, word } from "../built-packet.ts";

export interface Ends {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export const reversed = ({ source, sourcePort, destination, destinationPort }: Ends): Ends => ({
  source: destination,
  sourcePort: destinationPort,
  destination: source,
  destinationPort: sourcePort,
});

function packetOf({ source, destination }: Ends, protocol: number, payload: readonly number[]): Uint8Array {
  const built = { source: source as Address, destination: destination as Address, protocol, payload };
  // As they come: in a Buffer of Node's.
  return Buffer.from(source.includes(":") ? packet6(built) : packet4(built));
}

export function datagram(ends: Ends, message: Uint8Array): Uint8Array {
  const header = [...word(ends.sourcePort), ...word(ends.destinationPort), ...word(8 + message.length), 0, 0];
  return packetOf(ends, 17, [...header, ...message]);
}

export function tcpSegment(ends: Ends, sequence: number, payload: Uint8Array, flags = 0x10): Uint8Array {
  const numbers = [...word(Math.floor(sequence / 65_536)), ...word(sequence % 65_536), 0, 0, 0, 0];
  const header = [...word(ends.sourcePort), ...word(ends.destinationPort), ...numbers, 0x50, flags, 0, 0, 0, 0, 0, 0];
  return packetOf(ends, 6, [...header, ...payload]);
}
