import type { Family } from "../../../net/address.ts";
import { emptyAddresses, type AddressInterval } from "../../../net/address-set.ts";
import type { PortProtocol } from "../../../net/protocol.ts";
import type { Direction } from "../../../policy/policy.ts";
import type { ChainClause, ChainName } from "../../../ir/ruleset.ts";
import { commentText, kernelName } from "../names.ts";
import type { KeyType, ProgramSet, Rule } from "../program.ts";
import type { KeyField, Statement, Verdict } from "../statement.ts";
import type { DenyReason } from "./deny-chains.ts";
import { mergeBlocks } from "./blocks.ts";
import { blocksRule, type LookupKey, unionRule } from "./counter-maps.ts";
import { acceptDomains } from "./domain-lookups.ts";
import type { Below, CounterSource, MembersName, PartId, Parts, UnionEntry } from "./part.ts";

/** What all rules of one endpoint chain have in common, and where the parts they need are collected. */
export interface ChainContext {
  readonly chain: ChainName;
  readonly direction: Direction;
  readonly family: Family;
  /** What the names of its own chains begin with. */
  readonly base: string;
  /** Where an accepted connection goes on. */
  readonly accepted: Verdict;
  /** Where one goes that is denied. */
  readonly denied: (reason: DenyReason) => Verdict;
  /**
   * Whether an accept comes back to the rule behind the jump that led here. Then nothing may be jumped to but what
   * decides by itself, and stands last.
   */
  readonly comesBack: boolean;
  /**
   * How its ordered tiers are made (tier-plan.ts). `shared`: endpoints that go on elsewhere below may have one;
   * `flat`: with a chain for each class of ports and no more; `in line`: rule after rule. A kernel takes no way of more
   * than 16 chains: what an audit asks stands on top of what is enforced.
   */
  readonly tiers: "shared" | "flat" | "in line";
  /** What is denied counts for the chain; its clauses count for their policies; in an audit they count apart. */
  readonly counts: "decisions" | "audit";
  /** What `accepted` and `denied` lead to, where that is not always there. */
  readonly leaves: readonly PartId[];
  readonly parts: Parts;
}

/** Rules and what they refer to. */
export interface RuleList {
  readonly rules: readonly Rule[];
  readonly uses: readonly PartId[];
  /** Only of all that an endpoint chain consists of. */
  readonly below?: Below;
}

export const noRules: RuleList = { rules: [], uses: [] };

export function joinRules(lists: readonly RuleList[]): RuleList {
  return { rules: lists.flatMap(({ rules }) => rules), uses: lists.flatMap(({ uses }) => uses) };
}

/** IP protocol numbers. */
export const protocolNumber: Readonly<Record<PortProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** Group lookups that stand in line; more of them become one union map (57 ns a group against 100 ns for a union). */
export const mostInLine = 4;

/** The other end's address: the client for ingress, the backend for egress. */
export function peerField(context: ChainContext): KeyField {
  const end = context.direction === "ingress" ? "client" : "backend";
  return `${end}${context.family}`;
}

/** The endpoint's own address. */
export function ownField(context: ChainContext): KeyField {
  const end = context.direction === "ingress" ? "backend" : "client";
  return `${end}${context.family}`;
}

export const addressType = (family: Family): KeyType => (family === 4 ? "ipv4_addr" : "ipv6_addr");

/** Nobody asks which rule it was from which nothing followed, and with one counter audits share each other's maps. */
const auditedRules = "audited_rules";

/** The counter of a rule of a policy in a direction: one for all chains, so it survives what happens to any of them. */
export function ruleCounter(context: ChainContext, clause: ChainClause): string {
  const { direction } = context;
  if (context.counts === "audit") {
    addCounter(context, auditedRules, "rules that accepted in an audit", { kind: "audit-rule" });
    return auditedRules;
  }
  const short = direction === "ingress" ? "in" : "eg";
  const comment = `${clause.policy} ${direction}[${clause.rule}]`;
  const name = kernelName(`${clause.policy}/${short}/${clause.rule}`);
  const { policy, rule } = clause;
  addCounter(context, name, comment, { kind: "rule", policy, direction, rule });
  return name;
}

/** The counter of what a chain denies because nothing in it accepts. */
export function dropCounter(context: ChainContext, comment: string): string {
  const name = kernelName(`drop/${context.chain}`);
  addCounter(context, name, comment, { kind: "drop", chain: context.chain, direction: context.direction });
  return name;
}

/** Adds a counter to the plan. */
export function addCounter(
  context: Pick<ChainContext, "parts">,
  name: string,
  comment: string,
  source: CounterSource,
): void {
  const id: PartId = `counter ${name}`;
  if (context.parts.has(id)) return;
  const counter = { name, comment: commentText(comment) };
  context.parts.set(id, { id, uses: [], object: { kind: "counter", counter, source } });
}

/**
 * Adds a chain to the plan, with those leaves of the context among its uses that its rules lead to: a chain that is
 * shared by its content must not keep what only one of those refers to who share it.
 */
export function addChain(context: Pick<ChainContext, "leaves" | "parts">, name: string, list: RuleList): PartId {
  const id: PartId = `chain ${name}`;
  const ends = new Set(list.rules.flatMap(({ statements }) => statements.map(endOf)));
  const uses = [...new Set([...list.uses, ...context.leaves.filter((leaf) => ends.has(leaf))])];
  const object = { kind: "chain", chain: { name, hook: null, rules: list.rules } } as const;
  context.parts.set(id, { id, uses, object, ...(list.below === undefined ? {} : { below: list.below }) });
  return id;
}

const endOf = (statement: Statement): PartId | null =>
  statement.kind === "verdict" && "chain" in statement.verdict ? `chain ${statement.verdict.chain}` : null;

/** `namespace/policy[rule]`. */
export function clauseComment(clause: ChainClause): string {
  return commentText(`${clause.policy.replace(/^NetworkPolicy\//, "")}[${clause.rule}]`);
}

/** The set that holds the members of a group or pair set, of one family. */
export function membersSet(context: ChainContext, of: MembersName, key: readonly KeyType[]): string {
  const { family, parts } = context;
  const name = kernelName(`${of}/${family}`);
  const id: PartId = `set ${name}`;
  const head = { name, key, data: "none", interval: false, size: null, elements: new Map() } as const;
  const set: ProgramSet = { ...head, comment: null };
  if (!parts.has(id)) parts.set(id, { id, uses: [], object: { kind: "members", set, of, family } });
  return name;
}

/** A rule that counts for the clause and then ends with `verdict`. */
export function countedRule(
  context: ChainContext,
  clause: ChainClause,
  match: readonly Statement[],
  verdict: Verdict,
): Rule {
  const counter = ruleCounter(context, clause);
  return {
    statements: [...match, { kind: "counter", name: counter }, { kind: "verdict", verdict }],
    comment: clauseComment(clause),
  };
}

export function counterUse(context: ChainContext, clause: ChainClause): PartId {
  return `counter ${ruleCounter(context, clause)}`;
}

/**
 * Rules that accept what any of the clauses accepts by its peers; `match` stands before each (their protocol and
 * port). Of several clauses that fit the first one in the list counts, as far as the form allows. Clauses of kind
 * "pairs" are not for here.
 */
export function acceptPeers(
  context: ChainContext,
  match: readonly Statement[],
  clauses: readonly ChainClause[],
): RuleList {
  const open = clauses.findIndex((clause) => acceptsFamily(context.family, clause));
  const closed = open === -1 ? clauses : clauses.slice(0, open);
  const lists = [
    acceptGroups(context, match, closed),
    acceptBlocks(context, match, closed),
    acceptDomains(context, match, closed),
  ];
  const any = clauses[open];
  if (any !== undefined) {
    const rule = countedRule(context, any, match, context.accepted);
    lists.push({ rules: [rule], uses: [counterUse(context, any)] });
  }
  return joinRules(lists);
}

/** The intervals of the clause's addresses that belong to the family. */
export function familyIntervals(family: Family, clause: ChainClause): readonly AddressInterval[] {
  if (clause.match.kind === "pairs") return [];
  const { v4, v6 } = clause.match.peers?.addresses ?? emptyAddresses;
  return family === 4 ? v4 : v6;
}

/** Whether every address of the family fits: no restriction of peers, or a block that holds all of them. */
export function acceptsFamily(family: Family, clause: ChainClause): boolean {
  if (clause.match.kind === "peers" && clause.match.peers === null) return true;
  const [only] = familyIntervals(family, clause);
  return only !== undefined && only.low === 0n && only.high === (family === 4 ? 2n ** 32n : 2n ** 128n) - 1n;
}

export function groupsOf(clause: ChainClause): readonly MembersName[] {
  return clause.match.kind === "peers" ? (clause.match.peers?.groups ?? []) : [];
}

function acceptGroups(context: ChainContext, match: readonly Statement[], clauses: readonly ChainClause[]): RuleList {
  const withGroups = clauses.filter((clause) => groupsOf(clause).length > 0);
  const lookups = withGroups.reduce((sum, clause) => sum + groupsOf(clause).length, 0);
  const type = [addressType(context.family)];
  const field = [peerField(context)];
  if (lookups > mostInLine) {
    const entries = withGroups.map((clause) => ({ clause, members: groupsOf(clause) }));
    return acceptUnion(context, match, entries, { type, field });
  }
  const lists = withGroups.flatMap((clause) =>
    groupsOf(clause).map((group): RuleList => {
      const set = membersSet(context, group, type);
      const lookup: Statement = { kind: "lookup", key: field, set };
      const rule = countedRule(context, clause, [...match, lookup], context.accepted);
      return { rules: [rule], uses: [`set ${set}`, counterUse(context, clause)] };
    }),
  );
  return joinRules(lists);
}

interface ClauseMembers {
  readonly clause: ChainClause;
  readonly members: readonly MembersName[];
}

/** One lookup that finds the counter of the clause that accepts; a miss ends the rule. */
function acceptUnion(
  context: ChainContext,
  match: readonly Statement[],
  clauses: readonly ClauseMembers[],
  key: LookupKey,
): RuleList {
  const entries = clauses.map(({ clause, members }): UnionEntry => ({
    counter: ruleCounter(context, clause),
    members,
  }));
  const comment = clausesComment(clauses.map(({ clause }) => clause));
  return unionRule(context, match, { entries, blocks: [] }, key, comment);
}

export function clausesComment(clauses: readonly ChainClause[]): string {
  return commentText([...new Set(clauses.map(clauseComment))].join(" "));
}

/** All blocks of these clauses in one interval map, cut where they overlap: the first clause has the piece. */
export function acceptBlocks(
  context: ChainContext,
  match: readonly Statement[],
  clauses: readonly ChainClause[],
): RuleList {
  const { family } = context;
  const withBlocks = clauses.filter((clause) => familyIntervals(family, clause).length > 0);
  if (withBlocks.length === 0) return noRules;
  const merged = mergeBlocks(
    withBlocks.map((clause) => ({
      counter: ruleCounter(context, clause),
      intervals: familyIntervals(family, clause),
    })),
  );
  return blocksRule(context, match, merged, clausesComment(withBlocks));
}

/** Rules that accept (address, port) pairs of one protocol; `match` says the protocol. */
export function acceptPairs(
  context: ChainContext,
  match: readonly Statement[],
  clauses: readonly ChainClause[],
): RuleList {
  const entries = clauses.flatMap((clause) =>
    clause.match.kind === "pairs" ? [{ clause, members: [clause.match.pairs] }] : [],
  );
  const type: KeyType[] = [addressType(context.family), "inet_service"];
  const field: KeyField[] = [peerField(context), "backend-port"];
  if (entries.length > mostInLine) return acceptUnion(context, match, entries, { type, field });
  const lists = entries.map(({ clause, members: [pairs] }): RuleList => {
    if (pairs === undefined) return noRules;
    const set = membersSet(context, pairs, type);
    const lookup: Statement = { kind: "lookup", key: field, set };
    const rule = countedRule(context, clause, [...match, lookup], context.accepted);
    return { rules: [rule], uses: [`set ${set}`, counterUse(context, clause)] };
  });
  return joinRules(lists);
}
