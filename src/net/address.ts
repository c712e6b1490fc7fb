/**
 * An IP address as canonical text, always printed from a parsed number: RFC 5952 for IPv6, dotted decimal for
 * IPv4. Two addresses are equal exactly if their texts are equal, so it serves as a key of maps and sets.
 */
export type Address = string & { readonly brand: "Address" };

export type Family = 4 | 6;
