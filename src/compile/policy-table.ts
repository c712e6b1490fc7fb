import type { ObjectKey } from "../kube/objects.ts";
import type { PodClass } from "../model/pod-class.ts";
import type { SelectionIndex } from "../model/selection-index.ts";
import { createSelectionIndex } from "../model/selection-index.ts";
import type { Direction, Policy } from "../policy/policy.ts";
import type { Part } from "./lower.ts";
import { lowerPart, namesPorts } from "./lower.ts";

/** A policy. What it lowers to is worked out when a pod of this node first needs it. */
export interface PolicyEntry {
  readonly policy: Policy;
  /** No two entries of a table ever have the same. */
  readonly serial: number;
  readonly namesPorts: boolean;
  /** How many lists of policies that select pods of this node it is in. */
  users: number;
  /** By the named ports of the subject, where it names any. */
  readonly ingress: Map<string, Part | null>;
  egress: Part | null | undefined;
}

/** All policies, those in audit too: what would be decided if they counted is reported. */
export interface PolicyTable {
  /** Replaces the policy of this id. */
  set(policy: Policy): { readonly before: PolicyEntry | null; readonly after: PolicyEntry | null };
  remove(key: ObjectKey): PolicyEntry | null;
  /** Those whose subject is this class. Costs its labels and the policies that ask for them. */
  selecting(podClass: PodClass): PolicyEntry[];
  /** How many are in force: those in audit are not. */
  size(): number;
}

export function createPolicyTable(): PolicyTable {
  const entries = new Map<string, PolicyEntry>();
  let inForce = 0;
  let serial = 0;
  const bySubject: SelectionIndex<PolicyEntry> = createSelectionIndex();
  const take = (id: string): PolicyEntry | null => {
    const entry = entries.get(id);
    if (entry === undefined) return null;
    entries.delete(id);
    if (entry.policy.mode === "enforce") inForce--;
    bySubject.remove(entry);
    return entry;
  };
  return {
    set(policy) {
      const before = take(policy.id);
      if (policy.mode === "enforce") inForce++;
      serial++;
      const after = { policy, serial, namesPorts: namesPorts(policy), users: 0, ingress: new Map(), egress: undefined };
      entries.set(policy.id, after);
      bySubject.add(policy.subject, after);
      return { before, after };
    },
    remove: (key) => take(key),
    selecting: (podClass) => bySubject.matching(podClass),
    size: () => inForce,
  };
}

/** What a policy says about a direction of the pods of a class. */
export function partFor(entry: PolicyEntry, direction: Direction, podClass: PodClass): Part | null {
  if (direction === "egress") {
    if (entry.egress === undefined) entry.egress = lowerPart(entry.policy, "egress", []);
    return entry.egress;
  }
  const key = entry.namesPorts ? podClass.portsKey : "";
  let part = entry.ingress.get(key);
  if (part === undefined) {
    part = lowerPart(entry.policy, "ingress", entry.namesPorts ? podClass.ports : []);
    entry.ingress.set(key, part);
  }
  return part;
}

/** Counts one more list that needs the policy. */
export function use(entry: PolicyEntry): void {
  entry.users++;
}

/** One list less; with the last one goes what was worked out. */
export function disuse(entry: PolicyEntry): void {
  entry.users--;
  if (entry.users > 0) return;
  entry.ingress.clear();
  entry.egress = undefined;
}
