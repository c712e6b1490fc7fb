import type { Address } from "../net/address.ts";
import type { PodState } from "./pod-class.ts";
import type { Claimant } from "./pod-standing.ts";
import { outranks } from "./pod-standing.ts";

/** An address that passes from one live pod to another, or from or to nobody. */
export interface AddressMove {
  readonly address: Address;
  readonly before: PodState | null;
  readonly after: PodState | null;
}

/** Who holds which address: of the live pods that claim it, the newest (semantics.md, 6). */
export interface Holdings {
  holder(address: Address): PodState | null;
  /** Every address that somebody holds. */
  held(): Iterable<Address>;
  /** The moves that follow from a pod's claims on its addresses. */
  claim(pod: PodState): AddressMove[];
  /** The moves that follow from giving them up. */
  release(pod: PodState): AddressMove[];
}

const claimantOf = (pod: PodState): Claimant => ({
  created: pod.created,
  namespace: pod.podClass.namespace.name,
  name: pod.name,
});

export function createHoldings(): Holdings {
  const holders = new Map<Address, PodState>();
  /** All claimants of addresses that more than one pod claims: rare, and soon over. */
  const contested = new Map<Address, PodState[]>();

  const claimOne = (address: Address, pod: PodState): PodState | null => {
    const before = holders.get(address) ?? null;
    if (before !== null) {
      const claimants = contested.get(address);
      if (claimants === undefined) contested.set(address, [before, pod]);
      else claimants.push(pod);
    }
    if (before === null || outranks(claimantOf(pod), claimantOf(before))) holders.set(address, pod);
    return before;
  };

  const releaseOne = (address: Address, pod: PodState): void => {
    const claimants = contested.get(address);
    if (claimants === undefined) {
      holders.delete(address);
      return;
    }
    const others = claimants.filter((one) => one !== pod);
    const best = others.reduce((a, b) => (outranks(claimantOf(b), claimantOf(a)) ? b : a));
    holders.set(address, best);
    if (others.length === 1) contested.delete(address);
    else contested.set(address, others);
  };

  return {
    holder: (address) => holders.get(address) ?? null,
    held: () => holders.keys(),
    claim(pod) {
      const moves: AddressMove[] = [];
      for (const address of pod.addresses) {
        const before = claimOne(address, pod);
        if (holders.get(address) === pod) moves.push({ address, before, after: pod });
      }
      return moves;
    },
    release(pod) {
      const moves: AddressMove[] = [];
      for (const address of pod.addresses) {
        const held = holders.get(address) === pod;
        releaseOne(address, pod);
        if (held) moves.push({ address, before: pod, after: holders.get(address) ?? null });
      }
      return moves;
    },
  };
}
