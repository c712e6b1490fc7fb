import type { Family } from "../../../net/address.ts";
import type { Chain, ChainClause, DomainSetName } from "../../../ir/ruleset.ts";
import { kernelName } from "../names.ts";
import type { ProgramSet } from "../program.ts";
import type { Statement } from "../statement.ts";
import {
  addressType,
  type ChainContext,
  countedRule,
  counterUse,
  joinRules,
  noRules,
  peerField,
  type RuleList,
} from "./clause-rules.ts";
import type { PartId } from "./part.ts";

/** What an address that was learned may still do: connections may begin, or (a grace longer) go on that are open. */
export type LearnedFor = "beginning" | "going-on";

/**
 * What one set can hold. Part of what a set is: another number under the same name would mean that the table is
 * replaced, and all that was learned forgotten. The kernel keeps 64 KiB of buckets for each.
 */
const mostAddresses = 4096;

/** The set of what was learned of the names of one rule, of one family. */
export function learnedSet(of: DomainSetName, family: Family, role: LearnedFor): ProgramSet {
  const name = kernelName(role === "beginning" ? `${of}/${family}` : `${of}/${family}/open`);
  const comment = role === "beginning" ? "learned: connections may begin" : "learned: open connections go on";
  const shape = { key: [addressType(family)], data: "none", interval: false, size: mostAddresses } as const;
  return { name, ...shape, learned: true, comment, elements: new Map() };
}

/** The names that a clause means; null: none. */
export function domainsOf({ match }: ChainClause): DomainSetName | null {
  return match.kind === "peers" ? (match.peers?.domains ?? null) : null;
}

/** Asked of every endpoint; chains never change. */
const known = new WeakMap<Chain, boolean>();

/** Whether a chain lets anybody reach what has a name. */
export function namesDomains(chain: Chain): boolean {
  let names = known.get(chain);
  if (names === undefined) {
    const clauses = [...chain.admin, ...(chain.networkPolicy ?? []), ...chain.baseline];
    names = chain.direction === "egress" && clauses.some((clause) => domainsOf(clause) !== null);
    known.set(chain, names);
  }
  return names;
}

/**
 * Rules that accept what was learned of the clauses' names: two a clause, since the second is asked by packets of open
 * connections only. Their peers are backends: in other chains than those of egress names mean nobody.
 */
export function acceptDomains(
  context: ChainContext,
  match: readonly Statement[],
  clauses: readonly ChainClause[],
): RuleList {
  if (context.direction !== "egress") return noRules;
  return joinRules(
    clauses.map((clause) => {
      const of = domainsOf(clause);
      if (of === null) return noRules;
      const open: Statement = { kind: "ct-state", states: ["established"] };
      const rules = [
        countedRule(context, clause, [...match, lookup(context, of, "beginning")], context.accepted),
        countedRule(context, clause, [...match, open, lookup(context, of, "going-on")], context.accepted),
      ];
      const sets = (["beginning", "going-on"] as const).map(
        (role): PartId => `set ${learnedSet(of, context.family, role).name}`,
      );
      return { rules, uses: [...sets, counterUse(context, clause)] };
    }),
  );
}

function lookup(context: ChainContext, of: DomainSetName, role: LearnedFor): Statement {
  const { family, parts } = context;
  const set = learnedSet(of, family, role);
  const id: PartId = `set ${set.name}`;
  if (!parts.has(id)) parts.set(id, { id, uses: [], object: { kind: "learned", set, of, family, role } });
  return { kind: "lookup", key: [peerField(context)], set: set.name };
}
