import { isDeepStrictEqual } from "node:util";
import type { ObjectKey } from "../../kube/objects.ts";
import type { Change, Cluster } from "../../policy/cluster.ts";
import type { Finding } from "../source.ts";
import { chooseEntries } from "./choose.ts";
import { digestOfHashes } from "./digest.ts";
import type { Entry, FileContent } from "./entries.ts";
import { sortFindings } from "./findings.ts";
import { sortEntries } from "./read.ts";

/** What is now known of one file. */
export interface FileNews {
  readonly name: string;
  /** Null: the file is gone. */
  readonly content: FileContent | null;
  /** Of what was read; of a file that cannot be read, anything that says so. */
  readonly hash: string;
}

type Claims = ReadonlyMap<ObjectKey, Entry>;

interface FileState {
  readonly hash: string;
  /** What the file gives, last valid versions in place of what is not valid. */
  readonly claims: Claims;
  readonly findings: readonly Finding[];
  readonly readable: boolean;
  /** `[name]`, shared by all objects that only this file gives. */
  readonly alone: readonly string[];
}

const lastVersion = "; the last valid version stays in force";

function withNote(finding: Finding, note: string): Finding {
  return { ...finding, message: finding.message + note };
}

/**
 * What a watched folder has in force, file by file. Costs per change: the objects of the files that changed, and a
 * digest over the hashes of all files.
 */
export class FolderState {
  private readonly files = new Map<string, FileState>();
  /** The files that give an object, in order of their names. */
  private readonly givers = new Map<ObjectKey, readonly string[]>();
  private readonly contested = new Set<ObjectKey>();
  private readonly inForce = new Map<ObjectKey, Entry>();
  private everComplete = false;

  names(): Iterable<string> {
    return this.files.keys();
  }

  /** Whether the file gives objects now. */
  gives(name: string): boolean {
    return (this.files.get(name)?.claims.size ?? 0) > 0;
  }

  hashOf(name: string): string | undefined {
    return this.files.get(name)?.hash;
  }

  /** Takes in what several files have become, as one change; the result holds each object once, what goes last. */
  update(news: readonly FileNews[]): readonly Change[] {
    const affected = new Set<ObjectKey>();
    const states = news.map((one) => [one.name, one.content === null ? null : this.stateOf(one, one.content)] as const);
    for (const [name, state] of states) {
      for (const key of this.files.get(name)?.claims.keys() ?? []) affected.add(key);
      for (const key of state?.claims.keys() ?? []) affected.add(key);
      this.place(name, state);
    }
    const upserts: Change[] = [];
    const gone: Change[] = [];
    for (const key of affected) {
      const change = this.decide(key);
      if (change !== null) (change.kind === "gone" ? gone : upserts).push(change);
    }
    return [...upserts, ...gone];
  }

  /** True from the first moment at which every file could be parsed; from then on there is a last valid version of all. */
  complete(): boolean {
    this.everComplete ||= [...this.files.values()].every((file) => file.readable);
    return this.everComplete;
  }

  digest(): string {
    return digestOfHashes([...this.files].map(([name, file]) => [name, file.hash] as const));
  }

  cluster(): Cluster {
    const { objects, policies } = sortEntries(this.inForce.values());
    return { objects, policies };
  }

  findings(): readonly Finding[] {
    const found: Finding[] = [];
    for (const file of this.files.values()) found.push(...file.findings);
    for (const key of this.contested) found.push(...chooseEntries(this.candidates(key)).findings);
    return sortFindings(found);
  }

  private stateOf({ name, hash }: FileNews, content: FileContent): FileState {
    const before: Claims = this.files.get(name)?.claims ?? new Map<ObjectKey, Entry>();
    const claims = new Map<ObjectKey, Entry>();
    const kept = new Set<ObjectKey>();
    const choice = chooseEntries(content.entries.filter((entry) => entry.kind !== "workload"));
    for (const [key, entry] of choice.entries) {
      const last = entry.valid ? undefined : this.lastValid(key, before);
      if (last !== undefined) kept.add(key);
      claims.set(key, last === undefined ? sharing(entry, before.get(key)) : { ...last, position: entry.position });
    }
    // What has no name was never valid: unless it may stand in what cannot be parsed, it goes with its text.
    const mayBeThere = (entry: Entry): boolean =>
      content.unreadable.length > 0 || (content.unidentified && entry.named);
    const lost = [...before].filter(([key, entry]) => !claims.has(key) && mayBeThere(entry));
    for (const [key, entry] of lost) claims.set(key, entry);
    const note = lost.length === 0 ? "" : `; ${lost.length} objects of the file stay in force`;
    const unreadable = content.unreadable.map((one) => withNote(one, note));
    const findings = content.findings.map(({ key, finding }) =>
      withNote(finding, key === null ? note : kept.has(key) ? lastVersion : ""),
    );
    const all = [...unreadable, ...findings, ...choice.findings];
    return { hash, claims, findings: all, readable: content.unreadable.length === 0, alone: [name] };
  }

  private lastValid(key: ObjectKey, before: Claims): Entry | undefined {
    return [before.get(key), this.inForce.get(key)].find((entry) => entry?.valid === true);
  }

  private place(name: string, state: FileState | null): void {
    const before = this.files.get(name);
    for (const key of before?.claims.keys() ?? []) {
      if (state?.claims.has(key) !== true)
        this.setGivers(
          key,
          this.giversOf(key).filter((giver) => giver !== name),
        );
    }
    for (const key of state?.claims.keys() ?? []) {
      const givers = this.giversOf(key);
      if (givers.length === 0 && state !== null) this.setGivers(key, state.alone);
      else if (!givers.includes(name)) this.setGivers(key, [...givers, name].sort());
    }
    if (state === null) this.files.delete(name);
    else this.files.set(name, state);
  }

  private giversOf(key: ObjectKey): readonly string[] {
    return this.givers.get(key) ?? [];
  }

  private setGivers(key: ObjectKey, givers: readonly string[]): void {
    if (givers.length === 0) this.givers.delete(key);
    else this.givers.set(key, givers);
    if (givers.length > 1) this.contested.add(key);
    else this.contested.delete(key);
  }

  private candidates(key: ObjectKey): readonly Entry[] {
    return this.giversOf(key).flatMap((name) => this.files.get(name)?.claims.get(key) ?? []);
  }

  /** Puts the right version of an object in force; what that changes, or null. */
  private decide(key: ObjectKey): Change | null {
    const before = this.inForce.get(key)?.value ?? null;
    const entry = chooseEntries(this.candidates(key)).entries.get(key);
    const after = entry?.value ?? null;
    if (entry === undefined || after === null) this.inForce.delete(key);
    else this.inForce.set(key, entry);
    if (before === after || isDeepStrictEqual(before, after)) return null;
    if (entry?.kind === "object" && entry.value !== null) return { kind: "object", object: entry.value };
    if (entry?.kind === "policy" && entry.value !== null) return { kind: "policy", policy: entry.value };
    return { kind: "gone", key };
  }
}

/** An entry that keeps the value that is known already where it is the same, so that it is held once. */
function sharing(entry: Entry, known: Entry | undefined): Entry {
  if (known === undefined || !isDeepStrictEqual(entry.value, known.value)) return entry;
  return { ...known, valid: entry.valid, position: entry.position };
}
