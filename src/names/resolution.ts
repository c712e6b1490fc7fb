import type { Address } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import type { DnsMessage } from "./message.ts";

/** An address that an answer gives for the name that was asked for, and for how long. */
export interface ResolvedAddress {
  readonly address: Address;
  /** Seconds: the least of its own and of all aliases on the way to it. */
  readonly ttl: number;
}

/** Longer chains of aliases no resolver of a C library follows. */
const mostAliases = 16;

/**
 * The addresses of the name that was asked for: what the answer says of it, or of what it is an alias of. Records of
 * other names do not count. Without doubles; empty where a chain is circular or too long.
 */
export function resolutionOf({ question, records }: DnsMessage): readonly ResolvedAddress[] {
  const aliases = new Map<DomainName, { readonly target: DomainName; readonly ttl: number }>();
  for (const record of records) if (record.kind === "alias") aliases.set(record.owner, record);
  let owner = question.name;
  let limit = Infinity;
  for (let count = 0, next = aliases.get(owner); next !== undefined; next = aliases.get(owner)) {
    count += 1;
    if (count > mostAliases) return [];
    owner = next.target;
    limit = Math.min(limit, next.ttl);
  }
  const found = new Map<Address, number>();
  for (const record of records) {
    if (record.kind !== "address" || record.owner !== owner) continue;
    const ttl = Math.min(record.ttl, limit);
    found.set(record.address, Math.max(ttl, found.get(record.address) ?? 0));
  }
  return [...found].map(([address, ttl]) => ({ address, ttl }));
}
