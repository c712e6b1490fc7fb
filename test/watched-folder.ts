import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { digestOf } from "../src/source/manifests/digest.ts";
import { manifestFolder } from "../src/source/manifests/watch.ts";
import type { FolderOptions } from "../src/source/manifests/watch.ts";
import type { Snapshot, Update } from "../src/source/source.ts";

/** A folder under watch, and what its source says. */
export class Watched {
  readonly folder: string;
  readonly first: Snapshot;
  private readonly updates: AsyncIterator<Update>;
  private readonly abort = new AbortController();

  constructor(folder: string, first: Snapshot, updates: (signal: AbortSignal) => AsyncIterable<Update>) {
    this.folder = folder;
    this.first = first;
    this.updates = updates(this.abort.signal)[Symbol.asyncIterator]();
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.folder, name), content);
  }

  async next(): Promise<Update> {
    const { value, done } = await this.updates.next();
    assert.ok(done !== true);
    return value;
  }

  /** All updates until the digest is that of these files. */
  async until(files: Readonly<Record<string, string>>): Promise<readonly Update[]> {
    const digest = digestOf(Object.entries(files).map(([path, content]) => ({ path, content })));
    const updates: Update[] = [];
    do updates.push(await this.next());
    while (updates.at(-1)?.digest !== digest);
    return updates;
  }

  /** Fails if an update comes within some time. */
  async silence(ms: number): Promise<void> {
    const timer = setTimeout(() => this.abort.abort(), ms);
    const { value, done } = await this.updates.next();
    clearTimeout(timer);
    assert.ok(done, `an update came: ${JSON.stringify(value)}`);
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.updates.return?.();
  }
}

/** A watched folder of its own with these files. */
export async function watched(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  options: FolderOptions = {},
): Promise<Watched> {
  const folder = join(await mkdtemp(join(tmpdir(), "pct-watch-")), "manifests");
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const source = manifestFolder(folder, { rescanMs: 60_000, ...options });
  const first = await source.snapshot(new AbortController().signal);
  const result = new Watched(folder, first, (signal) => source.changes(signal));
  t.after(async () => {
    await result.stop();
    await rm(join(folder, ".."), { recursive: true, force: true });
  });
  return result;
}
