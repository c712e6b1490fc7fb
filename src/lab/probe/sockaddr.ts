import { addressBytes, familyOf, type Address } from "../../net/address.ts";
import { AF_INET, AF_INET6 } from "../kernel/socket-numbers.ts";

/** A `struct sockaddr_in` or `sockaddr_in6`. */
export function socketAddress(address: Address, port: number): Buffer {
  if (familyOf(address) === 4) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    bytes.set(addressBytes(address), 4);
    return bytes;
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressBytes(address), 8);
  return bytes;
}

/** The number of the address's family for `socket`. */
export function socketFamily(address: Address): number {
  return familyOf(address) === 4 ? AF_INET : AF_INET6;
}
