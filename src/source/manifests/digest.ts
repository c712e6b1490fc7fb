import { createHash } from "node:crypto";

/** Hex SHA-256 of a file's content. */
export function contentHash(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The digest of an input of which each file's path and content hash is known; the order does not matter. */
export function digestOfHashes(files: Iterable<readonly [path: string, contentHash: string]>): string {
  const lines = [...files].map(([path, hash]) => `${hash} ${Buffer.byteLength(path)}:${path}\n`);
  return contentHash(lines.sort().join(""));
}

export interface WrittenFile {
  /** Relative to the folder, as the source reads it: the name of the file. */
  readonly path: string;
  readonly content: Uint8Array | string;
}

/**
 * The digest that the watched folder's source will report once it has read exactly these files. Whoever writes the
 * folder waits for it (`/readyz`). Only files that are read count: see `isManifestName`.
 */
export function digestOf(files: Iterable<WrittenFile>): string {
  return digestOfHashes([...files].map((file) => [file.path, contentHash(file.content)] as const));
}
