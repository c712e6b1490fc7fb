import type { Chain, ChainName, Ruleset } from "../../ir/ruleset.ts";
import type { PolicyVersion } from "../../policy/cluster.ts";
import { policyKinds, unreadKinds } from "../../policy/kinds.ts";
import type { Finding } from "../../source/source.ts";
import type { LedgerEntry } from "../ledger.ts";

/**
 * `enforced`: the kernel does what the version read last says. `pending`: it does what an older one says, or nothing of
 * it yet. `audit`: it is in force, and does not count. `invalid`: something of it cannot be read; `message` says what.
 * `unsupported`: it asks for what this version or dataplane cannot do.
 */
export type PolicyState = "enforced" | "pending" | "invalid" | "audit" | "unsupported";

export interface PolicyStatus {
  readonly id: string;
  readonly state: PolicyState;
  /** Of the version that was read last; null where nothing of it could be read, or the source knows no versions. */
  readonly uid: string | null;
  readonly generation: number | null;
  readonly resourceVersion: string | null;
  /** The version that the kernel has. */
  readonly inForce: { readonly generation: number; readonly resourceVersion: string } | null;
  /** How many pods of this node it selects, in what the kernel should have. */
  readonly pods: number;
  readonly message: string | null;
}

/** What the policies' standing follows from. */
export interface PolicyFacts {
  readonly entries: Iterable<LedgerEntry>;
  readonly findings: readonly Finding[];
  readonly ruleset: Ruleset | null;
  /** All policies are in audit. */
  readonly audit: boolean;
  /** Why the dataplane cannot do what policies ask for, by policy. */
  readonly unsupported: ReadonlyMap<string, string>;
}

const unreadNames = new Set(unreadKinds.map(({ kind }) => kind));
const policyNames = new Set([...policyKinds.map(({ kind }) => kind), ...unreadNames]);
const kindOf = (object: string): string => object.slice(0, Math.max(0, object.indexOf("/")));

/** Whether an object is a policy of a kind that is known but not read. */
export const isUnreadKind = (kind: string): boolean => unreadNames.has(kind);
/** Whether an object of this kind is a policy. */
export const isPolicyKind = (kind: string): boolean => policyNames.has(kind);

function policiesOf(chain: Chain): ReadonlySet<string> {
  const clauses = [...chain.admin, ...(chain.networkPolicy ?? []), ...chain.baseline];
  return new Set([...chain.isolatedBy, ...chain.audited, ...clauses.map(({ policy }) => policy)]);
}

/** How many pods of this node each policy selects. Costs the node's pods and their policies. */
function podsByPolicy(ruleset: Ruleset | null): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  if (ruleset === null) return counts;
  const known = new Map<ChainName, ReadonlySet<string>>();
  const policiesIn = (name: ChainName): ReadonlySet<string> => {
    const chain = ruleset.chains.get(name);
    const policies = known.get(name) ?? (chain === undefined ? new Set<string>() : policiesOf(chain));
    known.set(name, policies);
    return policies;
  };
  const ofPods = new Map<string, Set<string>>();
  for (const { pod, ingress, egress, auditIngress, auditEgress } of ruleset.endpoints.values()) {
    const chains = [ingress, egress, auditIngress, auditEgress].filter((name) => name !== null);
    if (chains.length === 0) continue;
    const policies = ofPods.get(pod) ?? new Set<string>();
    ofPods.set(pod, policies);
    for (const name of chains) for (const policy of policiesIn(name)) policies.add(policy);
  }
  for (const policies of ofPods.values())
    for (const policy of policies) counts.set(policy, (counts.get(policy) ?? 0) + 1);
  return counts;
}

function stateOf(entry: LedgerEntry, problem: string | null, refusal: string | null, audit: boolean): PolicyState {
  if (problem !== null) return "invalid";
  if (refusal !== null) return "unsupported";
  if (entry.standing !== "current") return "pending";
  return audit || entry.mode === "audit" ? "audit" : "enforced";
}

const shownVersion = (version: PolicyVersion | null) =>
  version === null ? null : { generation: version.generation, resourceVersion: version.resourceVersion };

/** Every policy that was read, and those of which nothing could be. */
export function policyStatuses(facts: PolicyFacts): readonly PolicyStatus[] {
  const problems = new Map<string, string>();
  for (const { object, message } of facts.findings) {
    if (isPolicyKind(kindOf(object)) && !problems.has(object)) problems.set(object, message);
  }
  const pods = podsByPolicy(facts.ruleset);
  const statuses: PolicyStatus[] = [];
  for (const entry of facts.entries) {
    const problem = problems.get(entry.id) ?? null;
    problems.delete(entry.id);
    const refusal = facts.unsupported.get(entry.id) ?? null;
    const leaving = entry.standing === "leaving" ? "it was deleted, and is still in force" : null;
    statuses.push({
      id: entry.id,
      state: stateOf(entry, problem, refusal, facts.audit),
      uid: entry.version?.uid ?? null,
      generation: entry.version?.generation ?? null,
      resourceVersion: entry.version?.resourceVersion ?? null,
      inForce: shownVersion(entry.inForce),
      pods: pods.get(entry.id) ?? 0,
      message: problem ?? refusal ?? leaving,
    });
  }
  for (const [id, message] of problems) {
    const state = isUnreadKind(kindOf(id)) ? "unsupported" : "invalid";
    statuses.push({ id, state, uid: null, generation: null, resourceVersion: null, inForce: null, pods: 0, message });
  }
  return statuses;
}
