import { createHash } from "node:crypto";

/**
 * Names of kernel objects. nft 1.0.6 reads a letter, then letters, digits and `/`, `-`, `_`, `.` without quotes, and
 * at most 127 bytes (NFT_NAME_MAXLEN); names from the API can hold anything, in any length.
 */
const longestName = 100;
const plain = /^[A-Za-z][A-Za-z0-9/_.-]*$/;

/** 16 hexadecimal digits that differ where the list of parts differs: parts are separated by their lengths. */
export function contentHash(parts: readonly string[]): string {
  // One call for all: there are lists of thousands.
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** The text itself where nft can read it, otherwise a shortened form with a hash of all of it. Injective but for hash collisions. */
export function kernelName(text: string): string {
  if (text.length <= longestName && plain.test(text)) return text;
  const readable = text.slice(0, 60).replace(/[^A-Za-z0-9/_.-]/g, "_");
  return `${plain.test(readable) ? "" : "x"}${readable}-${contentHash([text])}`;
}

/**
 * A comment for nft: printable ASCII without quotes and backslashes, at most 120 bytes (nft takes 128, the kernel
 * shows them to whoever lists the table). What does not fit is shown as `?`, or cut off with `...`.
 */
export function commentText(text: string): string {
  const cut = text.length > 120 ? `${text.slice(0, 117)}...` : text;
  return cut.replace(/[^ -~]|["\\]/g, "?");
}
