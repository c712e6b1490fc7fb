import type { Address } from "../../net/address.ts";
import { parseApiAddress } from "../../net/address.ts";
import type { Cidr } from "../../net/cidr.ts";
import { parseApiCidr } from "../../net/cidr.ts";
import type { FieldError, FieldPath } from "../field-error.ts";
import { invalid } from "../field-error.ts";

/** Reads an address as the API server does; reports and gives null where it is none. */
export function decodeAddress(text: string, at: FieldPath, errors: FieldError[]): Address | null {
  const address = parseApiAddress(text);
  if (address === null) {
    errors.push(invalid(at, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
  }
  return address;
}

/** Reads a block as the API server does; reports and gives null where it is none. */
export function decodeCidr(text: string, at: FieldPath, errors: FieldError[]): Cidr | null {
  const cidr = parseApiCidr(text);
  if (cidr === null) {
    errors.push(invalid(at, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"));
  }
  return cidr;
}
