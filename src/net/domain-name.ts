/** A domain name in its canonical form: lower case, no trailing dot, at least two labels. */
export type DomainName = string & { readonly brand: "DomainName" };

/** What names a rule may mean: one name, or (`*.`) every name with one or more labels before it. Canonical. */
export type DomainPattern = string & { readonly brand: "DomainPattern" };

/** Of a name as it stands in a query, RFC 1035, 2.3.4: at most 253 characters without the trailing dot. */
const longestName = 253;
const longestLabel = 63;

/** The pattern that the CRDs of network-policy-api demand (DomainName); `A-z` stands there as it stands here. */
const crdPattern = /^(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$/;

/** Case and a trailing dot do not matter. */
function canonical(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** A pattern as policies write it; null where the CRDs would refuse it, or where no name could ever match it. */
export function parseDomainPattern(text: string): DomainPattern | null {
  if (text.length > longestName + "*.".length + ".".length || !crdPattern.test(text)) return null;
  const pattern = canonical(text);
  const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  return isName(name) ? (pattern as DomainPattern) : null;
}

/** A single name, as somebody asks about it: no wildcard. Null where it is none. */
export function parseDomainName(text: string): DomainName | null {
  const pattern = parseDomainPattern(text);
  return pattern === null || pattern.startsWith("*.") ? null : (pattern as string as DomainName);
}

function isName(name: string): boolean {
  return name.length <= longestName && name.split(".").every((label) => label.length <= longestLabel);
}

/** Whether a pattern means a name (semantics.md: exact, or `*.` for one or more leading labels). */
export function domainMatches(pattern: DomainPattern, name: DomainName): boolean {
  if (!pattern.startsWith("*.")) return (pattern as string) === name;
  return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1));
}

/** Whether every name that `narrow` means is one that `wide` means. */
export function patternHolds(wide: DomainPattern, narrow: DomainPattern): boolean {
  if (wide === narrow || !wide.startsWith("*.")) return wide === narrow;
  const last = narrow.startsWith("*.") ? narrow.slice(2) : narrow;
  return domainMatches(wide, last as DomainName);
}
