import type { PodClass } from "../model/pod-class.ts";
import type { Direction, Tier } from "../policy/policy.ts";
import { comparePolicies } from "./chain.ts";
import type { TierParts } from "./part-list.ts";
import { tierParts } from "./part-list.ts";
import type { PolicyEntry } from "./policy-table.ts";
import { disuse, partFor, use } from "./policy-table.ts";

/** The policies of one tier that select a class, in order. Classes that the same policies select share it. */
export interface PolicyList {
  readonly tier: Tier;
  readonly entries: readonly PolicyEntry[];
  /** Equal exactly for equal lists. */
  readonly key: string;
  readonly namesPorts: boolean;
  /** How many classes with pods on this node have it. */
  users: number;
  /** What it says about ingress, by the named ports of the subject where it names any; made when first asked for. */
  readonly ingress: Map<string, TierParts>;
  egress: TierParts | null;
}

export type SubjectLists = Readonly<Record<Tier, PolicyList>>;

/**
 * Lists of policies that classes on this node have. A policy that selects all of them changes few lists (one, where all
 * have the same), not one a class.
 */
export interface PolicyLists {
  /** The lists of a class from the policies that select it, in any order. */
  acquire(selecting: readonly PolicyEntry[]): SubjectLists;
  release(lists: SubjectLists): void;
  /** Replaces one policy by another (null: there is none) in the lists of as many classes as it is called for. */
  replacing(before: PolicyEntry | null, after: PolicyEntry | null): (lists: SubjectLists) => SubjectLists;
}

export function createPolicyLists(): PolicyLists {
  const lists = new Map<string, PolicyList>();

  const acquireOne = (tier: Tier, entries: readonly PolicyEntry[]): PolicyList => {
    const key = `${tier} ${entries.map((entry) => entry.serial).join(" ")}`;
    let list = lists.get(key);
    if (list === undefined) {
      const namesPorts = entries.some((entry) => entry.namesPorts);
      list = { tier, entries, key, namesPorts, users: 0, ingress: new Map(), egress: null };
      lists.set(key, list);
      for (const entry of entries) use(entry);
    }
    list.users++;
    return list;
  };
  const releaseOne = (list: PolicyList): void => {
    list.users--;
    if (list.users > 0) return;
    lists.delete(list.key);
    for (const entry of list.entries) disuse(entry);
  };

  return {
    acquire(selecting) {
      const sorted = selecting.toSorted((a, b) => comparePolicies(a.policy, b.policy));
      const of = (tier: Tier): PolicyList =>
        acquireOne(
          tier,
          sorted.filter((entry) => entry.policy.tier === tier),
        );
      return { admin: of("admin"), networkpolicy: of("networkpolicy"), baseline: of("baseline") };
    },
    release({ admin, networkpolicy, baseline }) {
      for (const list of [admin, networkpolicy, baseline]) releaseOne(list);
    },
    replacing(before, after) {
      /** What became of the lists that were met already. */
      const replaced = new Map<PolicyList, PolicyList>();
      const replace = (list: PolicyList): PolicyList => {
        let now = replaced.get(list);
        if (now === undefined) {
          now = acquireOne(list.tier, edited(list, before, after));
          replaced.set(list, now);
        } else {
          now.users++;
        }
        releaseOne(list);
        return now;
      };
      const isTouched = ({ tier }: PolicyList): boolean => tier === before?.policy.tier || tier === after?.policy.tier;
      return ({ admin, networkpolicy, baseline }) => ({
        admin: isTouched(admin) ? replace(admin) : admin,
        networkpolicy: isTouched(networkpolicy) ? replace(networkpolicy) : networkpolicy,
        baseline: isTouched(baseline) ? replace(baseline) : baseline,
      });
    },
  };
}

/** A copy without `before` and with `after` at its place, as far as they are of this tier. */
function edited({ tier, entries }: PolicyList, before: PolicyEntry | null, after: PolicyEntry | null): PolicyEntry[] {
  const others = entries.filter((entry) => entry !== before);
  if (before?.policy.tier === tier && others.length === entries.length) {
    throw new Error(`${before.policy.id} selects a pod that does not know of it`);
  }
  if (after === null || after.policy.tier !== tier) return others;
  const at = others.findIndex((other) => comparePolicies(other.policy, after.policy) > 0);
  return others.toSpliced(at < 0 ? others.length : at, 0, after);
}

/** What the policies of a list say about a direction of the pods of a class. */
export function partsOfList(list: PolicyList, direction: Direction, podClass: PodClass): TierParts {
  const made = (): TierParts =>
    tierParts(
      direction,
      list.tier,
      list.entries.map((entry) => partFor(entry, direction, podClass)).filter((part) => part !== null),
    );
  if (direction === "egress") return (list.egress ??= made());
  const key = list.namesPorts ? podClass.portsKey : "";
  const known = list.ingress.get(key);
  if (known !== undefined) return known;
  const parts = made();
  list.ingress.set(key, parts);
  return parts;
}
