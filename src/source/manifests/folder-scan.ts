import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../source.ts";
import { contentHash } from "./digest.ts";
import { fileFinding, nothingBut, type ReadingRules } from "./entries.ts";
import { isManifestName, readBounded, systemMessage, UnreadableError } from "./files.ts";
import type { FileNews, FolderState } from "./folder-state.ts";
import { readContent } from "./read.ts";

/** Tells versions of a file apart without reading it, unless it changed twice within a tick of the file system. */
interface Stamp {
  readonly text: string;
  /** The file was so young when it was read that a later change may have the same stamp. */
  readonly young: boolean;
}

/** Ticks of file systems are up to 10 ms (ext4, tmpfs: the kernel's), 2 s on FAT. */
const youngMs = 2500;
const start = { line: 1, column: 1 };

async function stampOf(path: string): Promise<Stamp> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const age = Date.now() - Number(ctimeNs / 1_000_000n);
  return { text: `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`, young: age < youngMs };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** Looks at a folder and tells what changed since it looked last. */
export class FolderScan {
  private readonly folder: string;
  private readonly rules: ReadingRules;
  private readonly stamps = new Map<string, Stamp>();

  constructor(folder: string, rules: ReadingRules) {
    this.folder = folder;
    this.rules = rules;
  }

  /**
   * All files of the folder that are new, changed or gone; those that something happened to are read whatever their
   * stamps say. Rejects with the system's error, or UnreadableError, where the folder cannot be read.
   */
  async all(touched: ReadonlySet<string>, state: FolderState): Promise<readonly FileNews[]> {
    const names = (await readdir(this.folder)).filter(isManifestName).sort();
    if (names.length > this.rules.limits.files)
      throw new UnreadableError(`holds more than ${this.rules.limits.files} files`);
    const present = new Set(names);
    const news: FileNews[] = [];
    for (const name of state.names()) if (!present.has(name)) news.push(this.gone(name));
    for (const name of names) news.push(...(await this.look(name, touched.has(name), state)));
    return news;
  }

  /** The same of these files alone. */
  async some(names: ReadonlySet<string>, state: FolderState): Promise<readonly FileNews[]> {
    const news: FileNews[] = [];
    for (const name of names) news.push(...(await this.look(name, true, state)));
    return news;
  }

  /** A finding about the folder itself. */
  folderFinding(error: unknown): Finding {
    const message = error instanceof UnreadableError ? error.message : systemMessage(error);
    return fileFinding(this.folder, start, `${message}; all that was read from it stays in force`);
  }

  private gone(name: string): FileNews {
    this.stamps.delete(name);
    return { name, content: null, hash: "" };
  }

  private async look(name: string, touched: boolean, state: FolderState): Promise<readonly FileNews[]> {
    const path = join(this.folder, name);
    try {
      const stamp = await stampOf(path);
      const known = this.stamps.get(name);
      this.stamps.set(name, stamp);
      if (!touched && known !== undefined && !known.young && known.text === stamp.text) return [];
      return await this.read(name, path, state);
    } catch (error) {
      // A link that leads nowhere is not a file that was removed: what it led to may come back.
      const removed = isMissing(error) && (await lstat(path).then(() => false, isMissing));
      if (removed) return state.hashOf(name) === undefined ? [] : [this.gone(name)];
      return [this.unreadable(name, error instanceof UnreadableError ? error.message : systemMessage(error))];
    }
  }

  private unreadable(name: string, message: string): FileNews {
    this.stamps.delete(name);
    const content = {
      entries: [],
      findings: [],
      unreadable: [fileFinding(join(this.folder, name), start, message)],
      unidentified: false,
    };
    return { name, content, hash: contentHash(`unreadable: ${message}`) };
  }

  private async read(name: string, path: string, state: FolderState): Promise<readonly FileNews[]> {
    const bytes = await readBounded(path, this.rules.limits.fileBytes, false);
    const hash = contentHash(bytes);
    if (hash === state.hashOf(name)) return [];
    if (bytes.length === 0 && state.gives(name)) {
      // Emptied in place: about to be written, or the disk is full. Removing objects is said by removing the file.
      return [{ name, content: nothingBut(fileFinding(path, start, "the file has become empty")), hash }];
    }
    return [{ name, content: await readContent(bytes, path, this.rules), hash }];
  }
}
