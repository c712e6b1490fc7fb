import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { performance } from "node:perf_hooks";
import { isDeepStrictEqual } from "node:util";
import type { Finding, Snapshot, Source, Update } from "../source.ts";
import { isManifestName, systemMessage, UnreadableError } from "./files.ts";
import { FolderScan } from "./folder-scan.ts";
import { FolderState } from "./folder-state.ts";
import type { FileNews } from "./folder-state.ts";
import type { ReadingRules } from "./entries.ts";
import { PendingFiles, wholeFolder } from "./pending.ts";
import { readingRules } from "./read.ts";

export interface FolderOptions extends Partial<ReadingRules> {
  /** Milliseconds without an event after which a file is read. */
  readonly quietMs?: number;
  /** The longest time that a file which never rests is left unread. */
  readonly longestMs?: number;
  /** How often the whole folder is looked at, whatever the kernel told. */
  readonly rescanMs?: number;
}

/** How often the folder is looked at where the kernel gives no events (no inotify watch is left, say). */
const pollMs = 500;

type Report = Omit<Update, "changes">;

/** The watched folder: the kernel's events, what they leave to do, and what is in force. */
class WatchedFolder {
  private readonly folder: string;
  private readonly rescanMs: number;
  private readonly scan: FolderScan;
  private readonly state = new FolderState();
  private readonly pending: PendingFiles;
  private watcher: FSWatcher | null = null;
  private watched = "";
  private trouble: Finding | null = null;
  private wake: () => void = () => {};
  /** What was given out last. */
  private given: Report | null = null;
  private lastScan = 0;

  constructor(folder: string, options: FolderOptions) {
    this.folder = folder;
    this.rescanMs = options.rescanMs ?? 10_000;
    this.scan = new FolderScan(folder, readingRules(options));
    this.pending = new PendingFiles(options.quietMs ?? 20, options.longestMs ?? 200);
  }

  async snapshot(): Promise<Snapshot> {
    try {
      this.state.update(await this.scanAll(new Set()));
    } catch (error) {
      if (this.given === null) this.disarm();
      throw error;
    }
    this.given = this.report();
    return { cluster: this.state.cluster(), ...this.given };
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Update, void> {
    if (this.given === null) throw new Error("changes() follows snapshot()");
    const stop = (): void => this.wake();
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted) {
        const update = await this.next();
        if (update === null) await this.rest(signal);
        else yield update;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.disarm();
    }
  }

  private report(): Report {
    const findings = this.state.findings();
    return {
      findings: this.trouble === null ? findings : [this.trouble, ...findings],
      complete: this.state.complete(),
      digest: this.state.digest(),
    };
  }

  /** What is different by now from what was given out last; null if nothing is. */
  private async next(): Promise<Update | null> {
    const now = performance.now();
    const due = this.pending.take(now);
    const all = due.has(wholeFolder) || now >= this.nextScan();
    if (!all && due.size === 0) return null;
    const changes = this.state.update(all ? await this.tryScanAll(due) : await this.scan.some(due, this.state));
    const report = this.report();
    if (changes.length === 0 && isDeepStrictEqual(report, this.given)) return null;
    this.given = report;
    return { changes, ...report };
  }

  private nextScan(): number {
    return this.lastScan + (this.watcher === null ? Math.min(pollMs, this.rescanMs) : this.rescanMs);
  }

  private async scanAll(touched: ReadonlySet<string>): Promise<readonly FileNews[]> {
    this.lastScan = performance.now();
    // Watched before it is read: what changes in between is read again.
    await this.arm();
    return this.scan.all(touched, this.state);
  }

  /** A folder that cannot be read (any more) says nothing: whatever is in force stays. */
  private async tryScanAll(touched: ReadonlySet<string>): Promise<readonly FileNews[]> {
    try {
      const news = await this.scanAll(touched);
      this.trouble = null;
      return news;
    } catch (error) {
      this.trouble = this.scan.folderFinding(error);
      return [];
    }
  }

  /** Waits until there may be something to do. */
  private async rest(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const now = performance.now();
    const wait = Math.max(1, Math.min(this.pending.dueIn(now), this.nextScan() - now));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }

  /** Watches the folder that has the name now: another one may have taken its place. */
  private async arm(): Promise<void> {
    const stats = await stat(this.folder, { bigint: true });
    if (!stats.isDirectory()) throw new UnreadableError("is not a folder");
    const identity = `${stats.dev} ${stats.ino}`;
    if (this.watcher !== null && identity === this.watched) return;
    this.disarm();
    try {
      this.watcher = watch(this.folder, { persistent: false }, (_event, name) => this.notice(name));
      this.watcher.on("error", () => this.disarm());
      this.watched = identity;
    } catch (error) {
      // Out of inotify watches or instances: look from time to time instead.
      systemMessage(error);
    }
  }

  private disarm(): void {
    this.watcher?.close();
    this.watcher = null;
  }

  /** An event names a file, a link of a mounted ConfigMap (`..data`), the folder itself, or nothing. */
  private notice(name: string | null): void {
    const whole = name === null || name.startsWith("..") || name === basename(this.folder);
    if (!whole && !isManifestName(name)) return;
    this.pending.mark(whole ? wholeFolder : name, performance.now());
    this.wake();
  }
}

/**
 * The objects of a folder, as they come and go. Only files that `isManifestName` takes, not those of folders below.
 * `snapshot` rejects where the folder cannot be read; `changes` follows it, and never rejects. A watch is held from
 * the first until `changes` ends.
 */
export function manifestFolder(folder: string, options: FolderOptions = {}): Source {
  const watched = new WatchedFolder(folder, options);
  return {
    snapshot: async (signal) => {
      signal.throwIfAborted();
      return watched.snapshot();
    },
    changes: (signal) => watched.changes(signal),
  };
}
