import type { DomainSet, DomainSetName } from "../../ir/ruleset.ts";
import { type Address, type Family, familyOf } from "../../net/address.ts";
import { patternHolds } from "../../net/domain-name.ts";
import { DataplaneError, type LearnedName } from "../dataplane.ts";
import type { ElementKey, ProgramSet } from "./program.ts";
import { type LearnedFor, learnedSet } from "./render/domain-lookups.ts";
import type { Operation } from "./step.ts";
import type { NftTable } from "./wire/table.ts";

/** What tells which sets there are; null: nobody knows at the moment, the kernel decides. */
export type KnownSets = ReadonlyMap<string, ProgramSet> | null;

const roles: readonly LearnedFor[] = ["beginning", "going-on"];

/** Elements of one set with their seconds: of an address that is told of twice the last counts. */
type Renewals = Map<string, { readonly set: ProgramSet; readonly seconds: Map<ElementKey, number> }>;

function addRenewals(renewals: Renewals, { set: of, address, seconds, graceSeconds }: LearnedName): void {
  for (const role of roles) {
    const set = learnedSet(of, familyOf(address), role);
    const renewal = renewals.get(set.name) ?? { set, seconds: new Map<ElementKey, number>() };
    renewal.seconds.set(address, role === "beginning" ? seconds : Math.max(seconds, graceSeconds));
    renewals.set(set.name, renewal);
  }
}

/** Sets the times of what was learned, in those sets that are there. */
export function renewing(
  entries: readonly LearnedName[],
  known: KnownSets,
): readonly Extract<Operation, { kind: "renew-elements" }>[] {
  const renewals: Renewals = new Map();
  for (const entry of entries) addRenewals(renewals, entry);
  return [...renewals.values()]
    .filter(({ set }) => known === null || known.has(set.name))
    .map(({ set, seconds }) => ({ kind: "renew-elements", set, seconds }));
}

const isRefusal = (error: unknown, ...codes: readonly string[]): error is DataplaneError =>
  error instanceof DataplaneError && codes.some((code) => error.detail.startsWith(`errno ${code}`));

/**
 * Adds what was learned, or sets its times anew, in one transaction. Where that is refused because a set is not there
 * or has no room, what can be learned is, one by one; a set without room is an error then, one that is away is none.
 */
export function learnNames(table: NftTable, entries: readonly LearnedName[], known: KnownSets): void {
  const operations = renewing(entries, known);
  if (operations.length === 0) return;
  try {
    table.transact({ operations });
    return;
  } catch (error) {
    if (!isRefusal(error, "ENOENT", "ENFILE")) throw error;
  }
  const failures = entries.map((entry) => learnOne(table, entry, known)).filter((error) => error !== null);
  const [first] = failures;
  if (first === undefined) return;
  throw new DataplaneError(
    `${failures.length} of ${entries.length} addresses not learned: ${first.message}`,
    first.detail,
  );
}

/** Null: learned, or nobody wants it any more. */
function learnOne(table: NftTable, entry: LearnedName, known: KnownSets): DataplaneError | null {
  try {
    table.transact({ operations: renewing([entry], known) });
    return null;
  } catch (error) {
    if (isRefusal(error, "ENOENT")) return null;
    if (isRefusal(error, "ENFILE")) return error;
    throw error;
  }
}

interface Remaining {
  readonly set: DomainSetName;
  readonly address: Address;
  seconds: number;
  graceSeconds: number;
}

/** What the kernel holds of these domain sets, with the time that is left. */
export function heldNames(
  table: NftTable,
  sets: readonly { readonly of: DomainSetName; readonly family: Family; readonly role: LearnedFor }[],
): readonly LearnedName[] {
  const held = new Map<string, Remaining>();
  for (const { of, family, role } of sets) {
    const set = learnedSet(of, family, role);
    for (const [key, milliseconds] of table.timesLeft(set)) {
      const found = held.get(`${of} ${key}`) ?? { set: of, address: key as Address, seconds: 0, graceSeconds: 0 };
      if (role === "beginning") found.seconds = milliseconds / 1000;
      else found.graceSeconds = milliseconds / 1000;
      held.set(`${of} ${key}`, found);
    }
  }
  return [...held.values()].map((found) => ({ ...found, graceSeconds: Math.max(found.seconds, found.graceSeconds) }));
}

/**
 * What was learned for names that a new set means too, to be in it before anybody asks it: a rule to which a name is
 * added would deny else what it allowed, until the next answers teach it again. Costs what the kernel holds of the sets
 * that mean nothing else; nothing where there is no new set.
 */
export function inheritedNames(
  table: NftTable,
  sets: readonly DomainSet[],
  known: ReadonlyMap<DomainSetName, DomainSet>,
  learned: Parameters<typeof heldNames>[1],
): readonly LearnedName[] {
  const fresh = sets.filter(({ name }) => !known.has(name));
  try {
    return fresh.flatMap((heir) => inheritedBy(table, heir, known, learned));
  } catch (error) {
    // Somebody took them away: there is nothing to inherit.
    if (isRefusal(error, "ENOENT")) return [];
    throw error;
  }
}

function inheritedBy(
  table: NftTable,
  heir: DomainSet,
  known: ReadonlyMap<DomainSetName, DomainSet>,
  learned: Parameters<typeof heldNames>[1],
): readonly LearnedName[] {
  const isWithin = (set: DomainSet | undefined): boolean =>
    set?.patterns.every((narrow) => heir.patterns.some((wide) => patternHolds(wide, narrow))) === true;
  const longest = new Map<Address, LearnedName>();
  const from = learned.filter(({ of }) => isWithin(known.get(of)));
  for (const { address, seconds, graceSeconds } of heldNames(table, from)) {
    const other = longest.get(address);
    longest.set(address, {
      set: heir.name,
      address,
      seconds: Math.max(seconds, other?.seconds ?? 0),
      graceSeconds: Math.max(graceSeconds, other?.graceSeconds ?? 0),
    });
  }
  return [...longest.values()];
}
