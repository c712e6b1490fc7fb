import type { ChainName, EndpointChains } from "../ir/ruleset.ts";
import { noChains } from "../ir/ruleset.ts";
import type { NamespaceState, PodClass } from "../model/pod-class.ts";
import { selectsPods } from "../model/selection.ts";
import type { Address } from "../net/address.ts";
import type { Direction } from "../policy/policy.ts";
import type { ChainTable } from "./chain-table.ts";
import { directionChains } from "./chain.ts";
import type { SubjectLists } from "./policy-lists.ts";
import { createPolicyLists, partsOfList } from "./policy-lists.ts";
import type { PolicyEntry, PolicyTable } from "./policy-table.ts";

/** A class of pods that has some on this node: what is decided for one of them is decided for all. */
export interface LocalClass {
  readonly podClass: PodClass;
  /** Held by its pods on this node. */
  readonly addresses: Set<Address>;
  /** Those that select it; null: to be looked up. */
  policies: SubjectLists | null;
  chains: EndpointChains;
}

/** The classes with pods on this node, and which of them have to be decided anew. */
export interface LocalPods {
  of(podClass: PodClass): LocalClass | null;
  hold(podClass: PodClass, address: Address): void;
  release(podClass: PodClass, address: Address): void;
  relabelled(namespace: NamespaceState): void;
  policyChanged(before: PolicyEntry | null, after: PolicyEntry | null): void;
  /** Decides anew what changes have touched. Gives the addresses whose chains may be others than before. */
  settle(chains: ChainTable, fallbackOf: (namespace: NamespaceState) => "accept" | "deny"): Iterable<Address>;
}

/** No policy is ever looked up for the classes of the namespaces that `isExempt` names, and nothing isolates them. */
export function createLocalPods(policies: PolicyTable, isExempt: (namespace: string) => boolean): LocalPods {
  const classes = new Map<PodClass, LocalClass>();
  const dirty = new Set<LocalClass>();
  const lists = createPolicyLists();

  const forgetPolicies = (local: LocalClass): void => {
    if (local.policies !== null) lists.release(local.policies);
    local.policies = null;
    dirty.add(local);
  };
  const settleOne = (
    local: LocalClass,
    chains: ChainTable,
    fallbackOf: (namespace: NamespaceState) => "accept" | "deny",
  ): boolean => {
    const before = local.chains;
    const isEmpty = local.addresses.size === 0;
    if (isEmpty) {
      forgetPolicies(local);
      classes.delete(local.podClass);
    } else if (local.policies === null) {
      const { podClass } = local;
      local.policies = lists.acquire(isExempt(podClass.namespace.name) ? [] : policies.selecting(podClass));
    }
    const { namespace } = local.podClass;
    const fallback = isExempt(namespace.name) ? "accept" : fallbackOf(namespace);
    local.chains = isEmpty ? noChains : chainsFor(local, chains, fallback);
    // Only now: what the class goes on using is never let go in between.
    for (const name of namesOf(before)) if (name !== null) chains.release(name);
    return !sameChains(local.chains, before);
  };

  return {
    of: (podClass) => classes.get(podClass) ?? null,
    hold(podClass, address) {
      let local = classes.get(podClass);
      if (local === undefined) {
        local = { podClass, addresses: new Set(), policies: null, chains: noChains };
        classes.set(podClass, local);
        dirty.add(local);
      }
      local.addresses.add(address);
    },
    release(podClass, address) {
      const local = classes.get(podClass);
      if (local === undefined) throw new Error("an address of this node is given up without being held");
      local.addresses.delete(address);
      if (local.addresses.size === 0) dirty.add(local);
    },
    relabelled(namespace) {
      for (const local of classes.values()) if (local.podClass.namespace === namespace) forgetPolicies(local);
    },
    policyChanged(before, after) {
      const replacing = lists.replacing(before, after);
      const leaving = lists.replacing(before, null);
      const coming = lists.replacing(null, after);
      for (const local of classes.values()) {
        const { namespace, labels } = local.podClass;
        if (local.policies === null || isExempt(namespace.name)) continue;
        const had = before !== null && selectsPods(before.policy.subject, namespace, labels);
        const has = after !== null && selectsPods(after.policy.subject, namespace, labels);
        if (!had && !has) continue;
        const replace = had && has ? replacing : had ? leaving : coming;
        local.policies = replace(local.policies);
        dirty.add(local);
      }
    },
    *settle(chains, fallbackOf) {
      for (const local of dirty) if (settleOne(local, chains, fallbackOf)) yield* local.addresses;
      dirty.clear();
    },
  };
}

/** Whether two endpoints are decided for by the same chains. */
export function sameChains(a: EndpointChains, b: EndpointChains): boolean {
  const [before, after] = [namesOf(a), namesOf(b)];
  return before.every((name, index) => name === after[index]);
}

const namesOf = ({ ingress, egress, auditIngress, auditEgress }: EndpointChains): readonly (ChainName | null)[] => [
  ingress,
  egress,
  auditIngress,
  auditEgress,
];

function chainsFor(
  { policies, podClass }: LocalClass,
  chains: ChainTable,
  fallback: "accept" | "deny",
): EndpointChains {
  if (policies === null) throw new Error("the policies of a class are to be looked up before its chains are made");
  const { admin, networkpolicy, baseline } = policies;
  const named = (direction: Direction): { enforced: ChainName | null; audit: ChainName | null } => {
    const parts = {
      admin: partsOfList(admin, direction, podClass),
      networkpolicy: partsOfList(networkpolicy, direction, podClass),
      baseline: partsOfList(baseline, direction, podClass),
    };
    const { enforced, audit } = directionChains(direction, parts, fallback);
    return {
      enforced: enforced === null ? null : chains.acquire(enforced),
      audit: audit === null ? null : chains.acquire(audit),
    };
  };
  const [ingress, egress] = [named("ingress"), named("egress")];
  return {
    ingress: ingress.enforced,
    egress: egress.enforced,
    auditIngress: ingress.audit,
    auditEgress: egress.audit,
  };
}
