import type { AgentStatus } from "../agent/status/agent-status.ts";
import type { Denied } from "../agent/kernel-counters.ts";
import type { PolicyState, PolicyStatus } from "../agent/status/policy-status.ts";
import type { AgentAnswer } from "./agents-of-cluster.ts";

/** What `kubectl portcullis status -o json` prints. The keys stand in this order. */
export interface ClusterStatus {
  readonly apiVersion: "portcullis.dev/v1";
  readonly kind: "ClusterStatus";
  readonly nodes: {
    /** Of the cluster; null: it could not be asked. */
    readonly total: number | null;
    readonly agents: number;
    readonly answered: number;
    readonly ready: number;
    readonly degraded: number;
  };
  /** Of the agent that is farthest behind. */
  readonly lagSeconds: number;
  readonly denied: { readonly lastMinute: Denied; readonly lastFiveMinutes: Denied };
  readonly repairs: number;
  /** Those with a problem first. */
  readonly policies: readonly ClusterPolicy[];
  /** At least so many more there are. */
  readonly policiesOmitted: number;
  readonly agents: readonly AgentSummary[];
}

export interface ClusterPolicy {
  readonly id: string;
  /** The worst of all nodes; `pending` where it is not in force everywhere. */
  readonly state: PolicyState;
  /** The newest version that an agent has read. */
  readonly generation: number | null;
  readonly resourceVersion: string | null;
  /** Agents whose kernel has this version, of all agents. */
  readonly nodesInForce: number;
  readonly nodes: number;
  readonly pods: number;
  readonly message: string | null;
  /** Some of the nodes where it is not in force. */
  readonly behind: readonly string[];
}

export interface AgentSummary {
  readonly node: string;
  /** Why nothing is known of it; null: it answered. */
  readonly error: string | null;
  readonly version: string | null;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly degraded: string | null;
  readonly lagSeconds: number | null;
}

/** So many nodes are named of each policy. */
const mostBehind = 10;

/** Later states are worse. */
const severity: readonly PolicyState[] = ["enforced", "audit", "pending", "unsupported", "invalid"];

/** Versions of one resource can be compared as numbers (Kubernetes 1.35 and later say so; all servers do it). */
function isNewer(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return one !== null;
  const numbers = [one, other].every((text) => /^\d{1,40}$/.test(text));
  return numbers ? BigInt(one) > BigInt(other) : false;
}

interface Seen {
  newest: PolicyStatus;
  readonly byNode: Map<string, PolicyStatus>;
}

/** The kernel of this node does what the newest version says. */
function isInForce(seen: PolicyStatus | undefined, newest: PolicyStatus): boolean {
  if (seen === undefined || (seen.state !== "enforced" && seen.state !== "audit")) return false;
  return newest.resourceVersion === null || seen.inForce?.resourceVersion === newest.resourceVersion;
}

function policyOf(id: string, { newest, byNode }: Seen, nodes: readonly string[]): ClusterPolicy {
  const all = [...byNode.values()];
  const behind = nodes.filter((node) => !isInForce(byNode.get(node), newest));
  const worst = Math.max(...all.map(({ state }) => severity.indexOf(state)), behind.length > 0 ? 2 : 0);
  return {
    id,
    state: severity[worst] ?? "pending",
    generation: newest.generation,
    resourceVersion: newest.resourceVersion,
    nodesInForce: nodes.length - behind.length,
    nodes: nodes.length,
    pods: all.reduce((sum, { pods }) => sum + pods, 0),
    message: all.find(({ message }) => message !== null)?.message ?? null,
    behind: behind.slice(0, mostBehind),
  };
}

function sumDenied(parts: readonly Denied[]): Denied {
  const total = { ingress: 0, egress: 0, none: 0 };
  for (const part of parts) {
    total.ingress += part.ingress;
    total.egress += part.egress;
    total.none += part.none;
  }
  return total;
}

/** An answer of an agent, read; or why it is none. */
export type ReadAnswer =
  | { readonly node: string; readonly status: AgentStatus; readonly error: null }
  | { readonly node: string; readonly status: null; readonly error: string };

function summaryOf({ node, status, error }: ReadAnswer): AgentSummary {
  if (status === null)
    return { node, error, version: null, ready: false, reason: null, degraded: null, lagSeconds: null };
  const { version, ready, reason, degraded, lagSeconds } = status;
  return { node, error, version, ready, reason, degraded, lagSeconds };
}

/** Puts the agents' answers together: which version of which policy is in force on how many nodes. */
export function clusterStatus(answers: readonly ReadAnswer[], total: number | null): ClusterStatus {
  const statuses = answers.map(({ status }) => status).filter((status) => status !== null);
  const seen = new Map<string, Seen>();
  for (const { node, status } of answers) {
    for (const policy of status?.policies ?? []) {
      const entry: Seen = seen.get(policy.id) ?? { newest: policy, byNode: new Map() };
      if (isNewer(policy.resourceVersion, entry.newest.resourceVersion)) entry.newest = policy;
      entry.byNode.set(node, policy);
      seen.set(policy.id, entry);
    }
  }
  const nodes = answers.map(({ node }) => node);
  const isTrouble = ({ state }: ClusterPolicy): boolean => severity.indexOf(state) >= 2;
  const policies = [...seen]
    .map(([id, entry]) => policyOf(id, entry, nodes))
    .sort((a, b) => Number(isTrouble(b)) - Number(isTrouble(a)) || (a.id < b.id ? -1 : 1));
  return {
    apiVersion: "portcullis.dev/v1",
    kind: "ClusterStatus",
    nodes: {
      total,
      agents: answers.length,
      answered: statuses.length,
      ready: statuses.filter(({ ready }) => ready).length,
      degraded: statuses.filter(({ degraded }) => degraded !== null).length,
    },
    lagSeconds: Math.max(0, ...statuses.map(({ lagSeconds }) => lagSeconds)),
    denied: {
      lastMinute: sumDenied(statuses.map(({ denied }) => denied.lastMinute)),
      lastFiveMinutes: sumDenied(statuses.map(({ denied }) => denied.lastFiveMinutes)),
    },
    repairs: statuses.reduce((sum, { repairs }) => sum + repairs, 0),
    policies,
    policiesOmitted: Math.max(0, ...statuses.map(({ policiesOmitted }) => policiesOmitted)),
    agents: answers.map(summaryOf),
  };
}

/** Whether every agent answers, is ready, and every policy is in force everywhere. */
export function isAllInForce({ nodes, policies, policiesOmitted }: ClusterStatus): boolean {
  const answer = nodes.agents > 0 && nodes.answered === nodes.agents && nodes.ready === nodes.agents;
  return answer && policiesOmitted === 0 && policies.every(({ state }) => state === "enforced" || state === "audit");
}

const isCount = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function isPolicyStatus(value: unknown): boolean {
  const { id, state, pods } = objectIn(value);
  return typeof id === "string" && severity.some((known) => known === state) && isCount(pods);
}

function isDenied(value: unknown): boolean {
  const { ingress, egress, none } = objectIn(value);
  return [ingress, egress, none].every(isCount);
}

/** What an agent printed; null: it is no status. Agents of other versions may have more in it. */
export function readAgentStatus(text: string): AgentStatus | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { kind, node, ready, policies, policiesOmitted, errors, lagSeconds, repairs, denied, exemptNamespaces } =
    objectIn(value);
  const { lastMinute, lastFiveMinutes } = objectIn(denied);
  const isStatus =
    kind === "AgentStatus" &&
    typeof node === "string" &&
    typeof ready === "boolean" &&
    [policiesOmitted, lagSeconds, repairs].every(isCount) &&
    [policies, errors, exemptNamespaces].every(Array.isArray) &&
    (policies as readonly unknown[]).every(isPolicyStatus) &&
    [lastMinute, lastFiveMinutes].every(isDenied);
  return isStatus ? (value as AgentStatus) : null;
}

/** What an agent's command came to. `portcullis status` ends with 1 where something is not in force: an answer too. */
export function readAnswer({ node, code, stdout, stderr }: AgentAnswer): ReadAnswer {
  const status = code === 0 || code === 1 ? readAgentStatus(stdout) : null;
  if (status !== null) return { node, status, error: null };
  const reason = stderr.trim() || (code === null ? "it did not answer in time" : `it ended with ${code}`);
  return { node, status: null, error: reason };
}
