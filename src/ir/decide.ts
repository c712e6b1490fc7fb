import { addressSetContains } from "../net/address-set.ts";
import type { Address } from "../net/address.ts";
import { cidrContains } from "../net/cidr.ts";
import type { Protocol } from "../net/protocol.ts";
import type { Direction } from "../policy/policy.ts";
import type { Chain, ChainClause, ChainName, DomainSetName, Match, Pair, Ruleset } from "./ruleset.ts";

/** A connection as the kernel of a node forwards it: after service translation, before masquerading. */
export interface ForwardedConnection {
  readonly client: Address;
  readonly backend: Address;
  readonly protocol: Protocol;
  /** Of the backend; without meaning for ICMP and other protocols. */
  readonly port: number;
}

/** What domain sets hold, where that is asked about: it is no part of a Ruleset. Sets that are left out are empty. */
export type LearnedMembers = ReadonlyMap<DomainSetName, ReadonlySet<Address>>;

const nothingLearned: LearnedMembers = new Map();

/** A member of a pair set. */
export function pairOf(address: Address, port: number): Pair {
  return `${address} ${port}` as Pair;
}

/**
 * What a kernel that holds exactly this Ruleset does with a new connection that it forwards. Plain and slow: what
 * the dataplanes are held against. What the node itself sends (semantics.md, 4) and neighbour discovery (8) are
 * not forwarded and not asked here.
 */
export function decide(
  ruleset: Ruleset,
  connection: ForwardedConnection,
  learned: LearnedMembers = nothingLearned,
): "accept" | "deny" {
  const { client, backend } = connection;
  if (isUnknown(ruleset, client) || isUnknown(ruleset, backend)) return "deny";
  if (client === backend) return "accept";
  const egress = ruleset.endpoints.get(client)?.egress ?? null;
  if (decideDirection(ruleset, egress, backend, connection, learned).verdict === "deny") return "deny";
  const ingress = ruleset.endpoints.get(backend)?.ingress ?? null;
  return decideDirection(ruleset, ingress, client, connection, learned).verdict;
}

/** A direction that would be decided otherwise if the policies in audit counted. */
export interface AuditDifference {
  readonly direction: Direction;
  /** What would then be done. */
  readonly verdict: "accept" | "deny";
}

/**
 * What is reported of a new connection for policies in audit (semantics.md, 13), direction by direction, as far as it
 * comes: what is denied on its way out is not asked about its way in.
 */
export function auditDifferences(
  ruleset: Ruleset,
  connection: ForwardedConnection,
  learned: LearnedMembers = nothingLearned,
): readonly AuditDifference[] {
  const { client, backend } = connection;
  if (client === backend) return [];
  const differences: AuditDifference[] = [];
  for (const [direction, address, peer] of [
    ["egress", client, backend],
    ["ingress", backend, client],
  ] as const) {
    if (isUnknown(ruleset, address)) break;
    const endpoint = ruleset.endpoints.get(address);
    const audit = (direction === "egress" ? endpoint?.auditEgress : endpoint?.auditIngress) ?? null;
    const { verdict } = decideDirection(ruleset, endpoint?.[direction] ?? null, peer, connection, learned);
    const wouldBe = audit === null ? verdict : decideDirection(ruleset, audit, peer, connection, learned).verdict;
    if (wouldBe !== verdict) differences.push({ direction, verdict: wouldBe });
    if (verdict === "deny") break;
  }
  return differences;
}

/** Whether it is an address of the node's pod range that belongs to nobody the node knows (semantics.md, 10). */
export function isUnknown(ruleset: Ruleset, address: Address): boolean {
  const { node, endpoints } = ruleset;
  if (node.unknownPods === "accept" || endpoints.has(address) || node.gateways.includes(address)) return false;
  return node.ranges.some((range) => cidrContains(range, address));
}

/** What one direction comes to, and what decided it. */
export interface DirectionDecision {
  readonly verdict: "accept" | "deny";
  /** `none`: there is no chain. */
  readonly by: "admin" | "networkPolicy" | "baseline" | "fallback" | "none";
  /** Null where no clause matched: isolated, the fallback, no chain. */
  readonly clause: ChainClause | null;
}

/** What a chain does with a connection whose other end is `peer`. Null: nothing can deny it. */
export function decideDirection(
  ruleset: Ruleset,
  name: ChainName | null,
  peer: Address,
  connection: ForwardedConnection,
  learned: LearnedMembers = nothingLearned,
): DirectionDecision {
  if (name === null) return { verdict: "accept", by: "none", clause: null };
  const chain = found(ruleset.chains.get(name), name);
  const matches = (clause: ChainClause): boolean => matchesClause(ruleset, clause.match, peer, connection, learned);
  const clause = chain.admin.find(matches) ?? null;
  if (clause !== null && clause.action !== "pass") return { verdict: clause.action, by: "admin", clause };
  return decideBelowAdmin(chain, matches);
}

function decideBelowAdmin(chain: Chain, matches: (clause: ChainClause) => boolean): DirectionDecision {
  if (chain.networkPolicy !== null) {
    const clause = chain.networkPolicy.find(matches) ?? null;
    return { verdict: clause === null ? "deny" : "accept", by: "networkPolicy", clause };
  }
  const clause = chain.baseline.find(matches) ?? null;
  if (clause !== null && clause.action !== "pass") return { verdict: clause.action, by: "baseline", clause };
  return { verdict: chain.fallback, by: "fallback", clause: null };
}

function matchesClause(
  ruleset: Ruleset,
  match: Match,
  peer: Address,
  connection: ForwardedConnection,
  learned: LearnedMembers,
): boolean {
  const { protocol, port } = connection;
  if (match.kind === "pairs") {
    const { members } = found(ruleset.pairSets.get(match.pairs), match.pairs);
    return match.protocol === protocol && members.has(pairOf(peer, port));
  }
  const { peers, ports } = match;
  if (ports !== null && !ports.some((it) => it.protocol === protocol && it.from <= port && port <= it.to)) return false;
  if (peers === null) return true;
  const inGroup = peers.groups.some((name) => found(ruleset.groups.get(name), name).members.has(peer));
  if (inGroup || addressSetContains(peers.addresses, peer)) return true;
  if (peers.domains === null) return false;
  return learned.get(found(ruleset.domainSets.get(peers.domains), peers.domains).name)?.has(peer) ?? false;
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the Ruleset refers to ${name}, which it does not hold`);
  return value;
}
