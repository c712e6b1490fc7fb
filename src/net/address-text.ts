/**
 * How to read the text of an address. `strict` takes what RFC 4291 and everybody agree on; `lenient` takes what
 * Kubernetes' API server and its components take in objects: numbers with leading zeros, read as decimal.
 */
export type AddressReading = "strict" | "lenient";

const zero = 48;
const nine = 57;
const dot = 46;
const colon = 58;

/** Reads dotted decimal that fills text from `start` to its end; the 32-bit number, or -1. */
export function parseDotted(text: string, reading: AddressReading, start = 0): number {
  let value = 0;
  let at = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(at++) !== dot) return -1;
    const first = at;
    let octet = 0;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < zero || code > nine) break;
      octet = octet * 10 + code - zero;
      if (octet > 255) return -1;
    }
    if (at === first) return -1;
    if (reading === "strict" && at - first > 1 && text.charCodeAt(first) === zero) return -1;
    value = value * 256 + octet;
  }
  return at === text.length ? value : -1;
}

function hexDigit(code: number): number {
  if (code >= zero && code <= nine) return code - zero;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Reads one hexadecimal group; its value and where it ends, or null. */
function parseGroup(text: string, start: number, reading: AddressReading): { value: number; end: number } | null {
  let value = 0;
  let at = start;
  for (; at < text.length; at++) {
    const digit = hexDigit(text.charCodeAt(at));
    if (digit < 0) break;
    value = value * 16 + digit;
    if (value > 0xffff) return null;
  }
  if (at === start || (reading === "strict" && at - start > 4)) return null;
  return { value, end: at };
}

/** Reads an IPv6 address (no zone), with or without dotted decimal at its end: its eight groups, or null. */
export function parseGroups(text: string, reading: AddressReading): readonly number[] | null {
  const groups: number[] = [];
  let gap = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.length && groups.length < 8) {
    const group = parseGroup(text, at, reading);
    if (group !== null && text.charCodeAt(group.end) !== dot) {
      groups.push(group.value);
      at = group.end;
    } else {
      // Only dotted decimal, which must be the end, can stand here.
      const dotted = groups.length <= 6 ? parseDotted(text, reading, at) : -1;
      if (dotted < 0) return null;
      groups.push(Math.floor(dotted / 65536), dotted % 65536);
      at = text.length;
      break;
    }
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== colon || at === text.length) return null;
    if (text.charCodeAt(at) === colon) {
      if (gap >= 0) return null;
      gap = groups.length;
      at++;
    }
  }
  if (at !== text.length) return null;
  if (gap < 0) return groups.length === 8 ? groups : null;
  // "::" stands for at least one group.
  if (groups.length === 8) return null;
  groups.splice(gap, 0, ...Array.from({ length: 8 - groups.length }, () => 0));
  return groups;
}

/** The 32-bit number inside an IPv4-mapped address (::ffff:0:0/96), or -1 where it is not one. */
export function mappedValue(groups: readonly number[]): number {
  for (let index = 0; index < 5; index++) if (groups[index] !== 0) return -1;
  if (groups[5] !== 0xffff) return -1;
  return (groups[6] ?? 0) * 65536 + (groups[7] ?? 0);
}

/** Dotted decimal. */
export function formatDotted(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    if (length > 0) start += length;
  }
  return best;
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups as `::`. */
export function formatGroups(groups: readonly number[]): string {
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.start < 0) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}
