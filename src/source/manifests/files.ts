import { constants } from "node:fs";
import { open, opendir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

/** Another file or folder cannot be read: a message for people, without the path. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
}

/** The words of an operating system error, without the path, which stands in the finding anyway. */
export function systemMessage(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) throw error;
  const text = /^[A-Z0-9_]+: ([^,]*)/.exec(error.message)?.[1];
  return text === undefined ? code : `${text} (${code})`;
}

/**
 * Whether a file of a folder is read: `.yaml`, `.yml` and `.json`, but not what editors leave beside them (vim's
 * `.x.yaml.swp` and `4913`, Emacs' `.#x.yaml` and `#x.yaml#`, `x.yaml~`, `x.tmp`) nor anything else that starts with a
 * dot, as the folders of a mounted ConfigMap do (`..data`).
 */
export function isManifestName(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !/^[.#]/.test(name);
}

const chunk = 1 << 20;

/**
 * All of a file, at most `longest` bytes. `pipes`: also of a pipe, until whoever writes to it closes it; without it
 * only regular files are read, and a pipe that nobody writes to does no harm. Throws UnreadableError, or the system's error.
 */
export async function readBounded(path: string, longest: number, pipes: boolean): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (pipes ? 0 : constants.O_NONBLOCK));
  try {
    const stats = await file.stat();
    if (stats.isDirectory() || (!pipes && !stats.isFile())) throw new UnreadableError("is not a regular file");
    if (stats.size > longest) throw new UnreadableError(`is larger than ${longest} bytes`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const buffer = new Uint8Array(Math.max(chunk, Math.min(stats.size - length + 1, longest)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > longest) throw new UnreadableError(`is larger than ${longest} bytes`);
      parts.push(buffer.subarray(0, bytesRead));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length);
  } finally {
    await file.close();
  }
}

/** All of standard input, or another stream. */
export async function readStream(stream: AsyncIterable<Uint8Array | string>, longest: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    length += bytes.length;
    if (length > longest) throw new UnreadableError(`is larger than ${longest} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts, length);
}

/** The text of a file; throws UnreadableError where it is not UTF-8. A byte order mark is left out. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableError("is not UTF-8 text");
  }
}

async function filesBelow(folder: string, recursive: boolean, seen: Set<string>, most: number): Promise<string[]> {
  const real = await realpath(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  const names: string[] = [];
  for await (const entry of await opendir(folder)) {
    if (names.push(entry.name) > most) throw new UnreadableError(`holds more than ${most} files`);
  }
  const files: string[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    if (name.startsWith(".")) continue;
    const stats = await stat(path).catch(() => null);
    if (stats?.isDirectory() === true) {
      if (recursive) files.push(...(await filesBelow(path, recursive, seen, most)));
    } else if (isManifestName(name) && stats?.isFile() !== false) files.push(path);
  }
  return files;
}

/**
 * The manifest files of a path, in the order of their names: itself if it is a file, whatever its name is; with
 * `recursive` those of folders below too, each once however links lead to it. Throws UnreadableError or the system's error.
 */
export async function listManifests(path: string, recursive: boolean, most: number): Promise<readonly string[]> {
  const stats = await stat(path);
  return stats.isDirectory() ? filesBelow(path, recursive, new Set(), most) : [path];
}
