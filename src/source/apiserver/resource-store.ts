import { isDeepStrictEqual } from "node:util";
import { fieldErrorText } from "../../kube/field-error.ts";
import type { ClusterObject, ObjectKey } from "../../kube/objects.ts";
import { keyOf } from "../../kube/objects.ts";
import { printable } from "../../observe/printable.ts";
import type { Change, PolicyVersion } from "../../policy/cluster.ts";
import type { Policy, PolicyId } from "../../policy/policy.ts";
import type { Finding, ObjectReference } from "../source.ts";
import type { Resource } from "./resource.ts";
import type { Seen } from "./seen.ts";

type Value = ClusterObject | Policy;

/** An object with something wrong in it. */
interface Trouble {
  readonly findings: readonly Finding[];
  /** What is in force is an earlier version, which was valid. */
  readonly keepsLast: boolean;
}

/** What the reader was told last of an object. */
interface Given {
  readonly value: Value | null;
  readonly version: PolicyVersion | undefined;
}

export interface Changes {
  readonly there: readonly Change[];
  readonly gone: readonly Change[];
  /** The newest time that the server wrote on what is there; 0: it says none. */
  readonly stampedAt: number;
}

const lastVersion = "; the last valid version stays in force";
/** More errors than this of one object help nobody. */
const mostFindings = 20;
const longestName = 160;

const isPolicy = (value: Value): value is Policy => "tier" in value;

function keyOfValue(value: Value): ObjectKey {
  return isPolicy(value) ? (value.id as string as ObjectKey) : keyOf(value);
}

/**
 * What of one resource is in force, and what changed since somebody took the changes. Holds the decoded objects and
 * nothing of the API's. Costs per event: one look-up and one comparison.
 */
export class ResourceStore {
  /** The resource, in the version in which it is served now. */
  resource: Resource;
  /** All objects that are there, with what is in force of each. */
  private readonly objects = new Map<ObjectKey, Value | null>();
  private readonly troubles = new Map<ObjectKey, Trouble>();
  private readonly versions = new Map<ObjectKey, PolicyVersion>();
  /** Of what is only known to be there: how often its owners have changed it. */
  private readonly generations = new Map<ObjectKey, number>();
  /** What has changed, with what was given out; null: nothing was, so far. */
  private changed: Map<ObjectKey, Given> | null = null;
  /** Those that the list under way has not named yet. */
  private unseen: Set<ObjectKey> | null = null;
  private troubleList: readonly Finding[] | null = [];
  private newest = 0;
  private readonly noted: (key: ObjectKey, policy: Policy | null) => void;
  /** Of what is in force; empty: it was never listed. */
  resourceVersion = "";
  /** Of what was given out last. */
  givenVersion = "";

  /** `noted`: called with each policy that comes to be in force, and with null where none does any more. */
  constructor(resource: Resource, noted: (key: ObjectKey, policy: Policy | null) => void = () => {}) {
    this.resource = resource;
    this.noted = noted;
  }

  get size(): number {
    return this.objects.size;
  }

  /** The generation of an object without a namespace of which only that is known; null: it is not there. */
  generationOf(name: string): number | null {
    return this.generations.get(keyOf({ kind: this.resource.kind, name })) ?? null;
  }

  /** From here to `endList`, changes are held back: half a list is a state that never was. */
  beginList(): void {
    this.unseen = new Set(this.objects.keys());
  }

  endList(resourceVersion: string): void {
    for (const key of this.unseen ?? []) this.drop(key);
    this.unseen = null;
    this.resourceVersion = resourceVersion;
  }

  get listing(): boolean {
    return this.unseen !== null;
  }

  /** The object is there, and this is its state. */
  see(seen: Seen): void {
    const key = this.keyOfSeen(seen);
    this.unseen?.delete(key);
    const { meaning } = seen;
    if (meaning.kind === "exists") {
      const { unread } = this.resource;
      if (!this.objects.has(key)) this.objects.set(key, null);
      this.generations.set(key, seen.generation);
      if (unread !== null && !this.troubles.has(key)) {
        this.setTrouble(key, { findings: [this.finding(seen, unread)], keepsLast: false });
      }
      return;
    }
    const before = this.objects.get(key) ?? null;
    const { value, errors } = meaning;
    const keepsLast = errors.length > 0 && this.hasLastVersion(key, before, seen.uid);
    this.setTrouble(key, this.troubleOf(seen, keepsLast));
    if (keepsLast) return;
    const same = before !== null && value !== null && isDeepStrictEqual(before, value);
    this.put(key, same ? before : value, seen);
  }

  /** The object is gone. */
  forget(seen: Seen): void {
    const key = this.keyOfSeen(seen);
    this.unseen?.delete(key);
    this.drop(key);
  }

  /** Everything is gone: the resource itself is. */
  clear(): void {
    this.unseen = null;
    for (const key of this.objects.keys()) this.drop(key);
    this.resourceVersion = "";
  }

  /** From now on changes are noted: what is there has been given out, or nothing is. */
  begin(): void {
    this.changed ??= new Map();
    this.givenVersion = this.resourceVersion;
  }

  /**
   * What differs from what was given out last; what goes stands apart. Policies that the caller `holds` stay with what
   * was given out of them, until it does not.
   */
  take(holds: (policy: Policy) => boolean = () => false): Changes {
    const there: Change[] = [];
    const gone: Change[] = [];
    const held = new Map<ObjectKey, Given>();
    for (const [key, given] of this.changed ?? []) {
      const value = this.objects.get(key) ?? null;
      if (value !== null && isPolicy(value) && holds(value)) {
        held.set(key, given);
        continue;
      }
      if (value !== null && !isDeepStrictEqual(given, { value, version: this.versions.get(key) })) {
        there.push(this.changeTo(key, value));
      }
      if (given.value === null) continue;
      const oldKey = keyOfValue(given.value);
      if (value === null || keyOfValue(value) !== oldKey) gone.push({ kind: "gone", key: oldKey });
    }
    const stampedAt = this.newest;
    if (this.changed !== null) this.changed = held;
    this.newest = 0;
    if (held.size === 0) this.givenVersion = this.resourceVersion;
    return { there, gone, stampedAt };
  }

  /** What is in force now. */
  values(): Iterable<Value | null> {
    return this.objects.values();
  }

  policyVersions(): Iterable<readonly [PolicyId, PolicyVersion]> {
    return [...this.versions].map(([key, version]) => {
      const value = this.objects.get(key);
      return [
        value !== undefined && value !== null && isPolicy(value) ? value.id : (key as string as PolicyId),
        version,
      ];
    });
  }

  /** All that is wrong with its objects; the same list until that changes. */
  findings(): readonly Finding[] {
    this.troubleList ??= [...this.troubles.values()].flatMap((one) => one.findings);
    return this.troubleList;
  }

  private keyOfSeen({ namespace, name }: Seen): ObjectKey {
    return keyOf({ kind: this.resource.kind, namespace, name });
  }

  /** Whether an earlier version of this very object is in force, which was valid (semantics.md, 9). */
  private hasLastVersion(key: ObjectKey, before: Value | null, uid: string): boolean {
    if (before === null || this.troubles.get(key)?.keepsLast === false) return false;
    const known = isPolicy(before) ? this.versions.get(key)?.uid : "uid" in before ? before.uid : uid;
    return known === uid;
  }

  private troubleOf(seen: Seen, keepsLast: boolean): Trouble | null {
    const { meaning } = seen;
    if (meaning.kind === "exists" || meaning.errors.length === 0) return null;
    const note = keepsLast ? lastVersion : "";
    const shown = meaning.errors.slice(0, mostFindings);
    const findings = shown.map((error) => this.finding(seen, `${fieldErrorText(error)}${note}`));
    const more = meaning.errors.length - shown.length;
    if (more > 0) findings.push(this.finding(seen, `${more} more errors in this object${note}`));
    return { findings, keepsLast };
  }

  private setTrouble(key: ObjectKey, trouble: Trouble | null): void {
    const changes = trouble === null ? this.troubles.delete(key) : this.troubles.set(key, trouble) !== null;
    if (changes) this.troubleList = null;
  }

  private put(key: ObjectKey, value: Value | null, { uid, generation, resourceVersion, stampedAt }: Seen): void {
    const before = this.objects.get(key) ?? null;
    const known = this.versions.get(key);
    const renewed = value !== null && isPolicy(value) && (known?.uid !== uid || known.generation !== generation);
    if (before !== value || renewed) this.note(key, before, known, stampedAt);
    if (before !== value || !this.objects.has(key)) this.objects.set(key, value);
    if (before !== value) this.tell(before, value, key);
    if (value !== null && isPolicy(value)) {
      if (renewed || before !== value) this.versions.set(key, { uid, generation, resourceVersion });
    } else this.versions.delete(key);
  }

  private drop(key: ObjectKey): void {
    const value = this.objects.get(key) ?? null;
    if (value !== null) this.note(key, value, this.versions.get(key), 0);
    this.objects.delete(key);
    this.generations.delete(key);
    this.tell(value, null, key);
    this.versions.delete(key);
    this.setTrouble(key, null);
  }

  private tell(before: Value | null, after: Value | null, key: ObjectKey): void {
    const policy = after !== null && isPolicy(after) ? after : null;
    if (policy !== null || (before !== null && isPolicy(before))) this.noted(key, policy);
  }

  private note(key: ObjectKey, value: Value | null, version: PolicyVersion | undefined, stampedAt: number): void {
    if (this.changed === null) return;
    if (!this.changed.has(key)) this.changed.set(key, { value, version });
    if (stampedAt > this.newest) this.newest = stampedAt;
  }

  private changeTo(key: ObjectKey, value: Value): Change {
    if (!isPolicy(value)) return { kind: "object", object: value };
    const version = this.versions.get(key);
    return version === undefined ? { kind: "policy", policy: value } : { kind: "policy", policy: value, version };
  }

  private finding(seen: Seen, message: string): Finding {
    const { apiVersion, kind } = this.resource;
    const { namespace, name, uid, resourceVersion } = seen;
    const reference: ObjectReference = { apiVersion, kind, namespace, name, uid, resourceVersion };
    const object = [kind, ...(namespace === null ? [] : [namespace]), name].map((part) => printable(part, longestName));
    return { position: null, object: object.join("/"), message: printable(message), reference };
  }
}
