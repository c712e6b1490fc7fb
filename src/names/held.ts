import type { DomainSetName } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import { mostAddresses, mostAddressesOfName, mostAddressesOfPod, mostAddressesOfSet } from "./limits.ts";

/** An address in a domain set, as far as we have brought it there. Times are milliseconds. */
export interface HeldAddress {
  readonly set: DomainSetName;
  readonly address: Address;
  /** Whose answer brought it, and of which name; null: it was there before us. */
  readonly pod: Address | null;
  readonly name: DomainName | null;
  /** Until then connections may begin. */
  begin: number;
  /** Until then they may go on. */
  end: number;
  /** The batch that brings it there. */
  batch: number;
}

/** Why an address is not learned. */
export type OverLimit = "name" | "pod" | "set" | "node";

/** What is in the domain sets: the kernel's own time-outs, kept in step. */
export interface Held {
  get(set: DomainSetName, address: Address): HeldAddress | null;
  /** Adds an address that is not held. */
  add(entry: HeldAddress): OverLimit | null;
  remove(entry: HeldAddress): void;
  /** Sets that are gone, with all they held. */
  retain(sets: ReadonlySet<DomainSetName>): void;
  /** Forgets what is over; gives how many. Costs what is over, and a slot's worth of what was renewed. */
  expire(now: number): number;
  clear(): void;
  all(): readonly HeldAddress[];
  readonly size: number;
}

/** How often each key is in use. */
function createUses() {
  const uses = new Map<string, number>();
  return {
    of: (key: string) => uses.get(key) ?? 0,
    change: (key: string, by: number) => {
      const count = (uses.get(key) ?? 0) + by;
      if (count > 0) uses.set(key, count);
      else uses.delete(key);
    },
  };
}

/** Milliseconds: so much later than the kernel's own time-outs, which it rounds up. */
const margin = 50;
/** What ends within so many milliseconds is looked at together. */
const slot = 250;
const slotOf = (milliseconds: number): number => Math.ceil(milliseconds / slot);

export function createHeld(now: number): Held {
  const sets = new Map<DomainSetName, Map<Address, HeldAddress>>();
  /** By the slot in which they were to end when they were put there; renewed ones move on when it comes. */
  const due = new Map<number, Set<HeldAddress>>();
  const ofPod = createUses();
  const ofName = createUses();
  let size = 0;
  let looked = slotOf(now);

  const count = ({ set, pod, name }: HeldAddress, by: number) => {
    size += by;
    if (pod !== null) {
      ofPod.change(pod, by);
      ofPod.change(`${set} ${pod}`, by);
    }
    if (name !== null) ofName.change(`${set} ${name}`, by);
  };
  const lookAgain = (entry: HeldAddress) => {
    const at = Math.max(slotOf(entry.end + margin), looked + 1);
    const others = due.get(at);
    if (others === undefined) due.set(at, new Set([entry]));
    else others.add(entry);
  };
  const remove = (entry: HeldAddress): boolean => {
    const members = sets.get(entry.set);
    if (members?.get(entry.address) !== entry) return false;
    members.delete(entry.address);
    count(entry, -1);
    return true;
  };
  /** A pod takes no more than half of what is free: else two of them could leave nothing for the rest. */
  const isOverShare = (set: DomainSetName, pod: Address): boolean =>
    ofPod.of(pod) >= Math.min(mostAddressesOfPod, mostAddresses - size) ||
    ofPod.of(`${set} ${pod}`) >= mostAddressesOfSet - (sets.get(set)?.size ?? 0);
  const overLimit = ({ set, pod, name }: HeldAddress): OverLimit | null => {
    if (size >= mostAddresses) return "node";
    if ((sets.get(set)?.size ?? 0) >= mostAddressesOfSet) return "set";
    if (pod !== null && isOverShare(set, pod)) return "pod";
    return name !== null && ofName.of(`${set} ${name}`) >= mostAddressesOfName ? "name" : null;
  };
  const all = () => [...sets.values()].flatMap((members) => [...members.values()]);
  return {
    get: (set, address) => sets.get(set)?.get(address) ?? null,
    add: (entry) => {
      const over = overLimit(entry);
      if (over !== null) return over;
      const members = sets.get(entry.set) ?? new Map<Address, HeldAddress>();
      sets.set(entry.set, members.set(entry.address, entry));
      count(entry, 1);
      lookAgain(entry);
      return null;
    },
    remove: (entry) => void remove(entry),
    retain: (wanted) => {
      for (const [set, members] of sets) {
        if (wanted.has(set)) continue;
        for (const entry of members.values()) remove(entry);
        sets.delete(set);
      }
    },
    expire: (at) => {
      let gone = 0;
      for (const until = slotOf(at) - 1; looked < until;) {
        looked += 1;
        const entries = due.get(looked) ?? [];
        due.delete(looked);
        for (const entry of entries) {
          if (sets.get(entry.set)?.get(entry.address) !== entry) continue;
          if (entry.end + margin > at) lookAgain(entry);
          else if (remove(entry)) gone += 1;
        }
      }
      return gone;
    },
    clear: () => {
      for (const entry of all()) remove(entry);
      sets.clear();
      due.clear();
    },
    all,
    get size() {
      return size;
    },
  };
}
