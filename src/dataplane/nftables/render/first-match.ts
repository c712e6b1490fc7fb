import type { Action } from "../../../policy/policy.ts";
import type { ChainClause } from "../../../ir/ruleset.ts";
import type { Statement, Verdict } from "../statement.ts";
import { mergeBlocks } from "./blocks.ts";
import { blocksRule, type LookupKey, unionRule } from "./counter-maps.ts";
import {
  acceptBlocks,
  acceptPairs,
  acceptsFamily,
  addressType,
  type ChainContext,
  clausesComment,
  countedRule,
  counterUse,
  familyIntervals,
  groupsOf,
  joinRules,
  membersSet,
  mostInLine,
  noRules,
  peerField,
  protocolNumber,
  ruleCounter,
  type RuleList,
} from "./clause-rules.ts";
import { acceptDomains, domainsOf } from "./domain-lookups.ts";
import type { MembersName, UnionContent, UnionEntry } from "./part.ts";
import type { ClausePiece, SharedStretches } from "./shared-stretches.ts";

export type VerdictFor = (action: Action) => Verdict;

/** What stands together in a list: asked as a whole, after what comes before it. */
type Stretch =
  | { readonly kind: "peers" | "pairs"; readonly clauses: ChainClause[] }
  /** What was learned of names is the kernel's: nothing can be resolved before. */
  | { readonly kind: "domains" | "open"; readonly clause: ChainClause };

/**
 * Rules by which the first clause of the list that matches decides, whatever its protocol and ports (the caller has
 * seen to those). A packet pays for a few lookups, however many clauses there are: where many follow each other, one
 * map an action holds the addresses whose first match has this action. What nothing matches goes on behind the rules.
 */
export function firstMatchRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: VerdictFor,
  shared: SharedStretches,
): RuleList {
  return joinRules(
    stretchesOf(context, clauses).map((stretch): RuleList => {
      switch (stretch.kind) {
        case "peers":
          return peersRules(context, stretch.clauses, verdictFor, shared);
        case "pairs":
          return pairsRules(context, stretch.clauses, verdictFor);
        case "domains":
          return acceptDomains(withVerdict(context, stretch.clause, verdictFor), [], [stretch.clause]);
        case "open": {
          const rule = countedRule(context, stretch.clause, [], verdictFor(stretch.clause.action));
          return { rules: [rule], uses: [counterUse(context, stretch.clause)] };
        }
      }
    }),
  );
}

/** The context in which `accepted` is what the clause does, whatever that is. */
export const withVerdict = (context: ChainContext, clause: ChainClause, verdictFor: VerdictFor): ChainContext => ({
  ...context,
  accepted: verdictFor(clause.action),
});

function stretchesOf(context: ChainContext, clauses: readonly ChainClause[]): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const append = (kind: "peers" | "pairs", clause: ChainClause): void => {
    const last = stretches.at(-1);
    if (last?.kind === kind) last.clauses.push(clause);
    else stretches.push({ kind, clauses: [clause] });
  };
  for (const clause of clauses) {
    if (acceptsFamily(context.family, clause)) return [...stretches, { kind: "open", clause }];
    if (clause.match.kind === "pairs") append("pairs", clause);
    else if (groupsOf(clause).length + familyIntervals(context.family, clause).length > 0) append("peers", clause);
    if (context.direction === "egress" && domainsOf(clause) !== null) stretches.push({ kind: "domains", clause });
  }
  return stretches;
}

/** One lookup that stands in line. */
type Lookup =
  | { readonly kind: "group"; readonly clause: ChainClause; readonly group: MembersName }
  /** Of one action. */
  | { readonly kind: "blocks"; readonly clauses: readonly ChainClause[] };

function peersRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: VerdictFor,
  shared: SharedStretches,
): RuleList {
  const forEveryPort = clauses.filter(isForEveryPort);
  if (forEveryPort.length === clauses.length) {
    return shared.rules(context, clauses, (inCommon) => everyPortRules(inCommon, clauses, verdictFor, shared));
  }
  const lookups = lookupsOf(context, clauses);
  if (lookups.length <= mostInLine) return inLine(context, lookups, verdictFor);
  const some = new Set(clauses.filter((clause) => !isForEveryPort(clause)));
  const own = resolved(context, clauses, some, verdictFor, shared);
  if (forEveryPort.length === 0) return joinRules([own.members, own.blocks]);
  return besideEveryPort(context, own, forEveryPort, verdictFor, shared);
}

const isForEveryPort = ({ match }: ChainClause): boolean => match.kind === "peers" && match.ports === null;

function everyPortRules(
  context: ChainContext,
  clauses: readonly ChainClause[],
  verdictFor: VerdictFor,
  shared: SharedStretches,
): RuleList {
  const lookups = lookupsOf(context, clauses);
  if (lookups.length <= mostInLine) return inLine(context, lookups, verdictFor);
  const { members, blocks } = resolved(context, clauses, new Set(clauses), verdictFor, shared);
  return joinRules([members, blocks]);
}

/**
 * Clauses for some ports (`own`) among those for every port, whose maps all classes of ports share: else each of them
 * would hold all members again. The maps of the former hold what is theirs in the list as a whole. What is in none of
 * them is decided by the latter as if they were alone.
 */
function besideEveryPort(
  context: ChainContext,
  own: Resolved,
  forEveryPort: readonly ChainClause[],
  verdictFor: VerdictFor,
  shared: SharedStretches,
): RuleList {
  if (own.blocks.rules.length === 0) {
    return joinRules([own.members, peersRules(context, forEveryPort, verdictFor, shared)]);
  }
  const inCommon = resolved(context, forEveryPort, new Set(forEveryPort), verdictFor, shared);
  return joinRules([own.members, inCommon.members, own.blocks, inCommon.blocks]);
}

/**
 * In the order of the clauses; blocks of neighbours that do the same are one map where no group stands between. Who is
 * in a group has gone where it is asked first.
 */
function lookupsOf(context: ChainContext, clauses: readonly ChainClause[]): readonly Lookup[] {
  const lookups: Lookup[] = [];
  const asked = new Set<MembersName>();
  for (const clause of clauses) {
    for (const group of groupsOf(clause)) {
      if (!asked.has(group)) lookups.push({ kind: "group", clause, group });
      asked.add(group);
    }
    if (familyIntervals(context.family, clause).length === 0) continue;
    const last = lookups.at(-1);
    if (last?.kind === "blocks" && last.clauses[0]?.action === clause.action)
      lookups[lookups.length - 1] = { kind: "blocks", clauses: [...last.clauses, clause] };
    else lookups.push({ kind: "blocks", clauses: [clause] });
  }
  return lookups;
}

function inLine(context: ChainContext, lookups: readonly Lookup[], verdictFor: VerdictFor): RuleList {
  return joinRules(
    lookups.map((lookup): RuleList => {
      if (lookup.kind === "blocks") {
        const [first] = lookup.clauses;
        if (first === undefined) throw new Error("a lookup of nobody's blocks");
        return acceptBlocks(withVerdict(context, first, verdictFor), [], lookup.clauses);
      }
      const { clause, group } = lookup;
      const set = membersSet(context, group, [addressType(context.family)]);
      const rule = countedRule(
        context,
        clause,
        [{ kind: "lookup", key: [peerField(context)], set }],
        verdictFor(clause.action),
      );
      return { rules: [rule], uses: [`set ${set}`, counterUse(context, clause)] };
    }),
  );
}

/** What is asked of members of groups, and then of all others. */
interface Resolved {
  readonly members: RuleList;
  readonly blocks: RuleList;
}

/**
 * One map of members an action, and one of blocks an action: who is in a group is found in one of the former and goes
 * no further, though it may be for a block that comes first. Of the clauses only `shown` are in the maps, with what
 * is theirs before all others.
 */
function resolved(
  context: ChainContext,
  clauses: readonly ChainClause[],
  shown: ReadonlySet<ChainClause>,
  verdictFor: VerdictFor,
  shared: SharedStretches,
): Resolved {
  const grouped = clauses.filter((clause) => groupsOf(clause).length > 0);
  const pieces = piecesOf(context, clauses, shared);
  /** How many of those with groups come before it. */
  const before = new Map<ChainClause, number>();
  let count = 0;
  for (const clause of clauses) {
    before.set(clause, count);
    if (groupsOf(clause).length > 0) count++;
  }
  const shadowing = pieces
    .map((piece) => ({ ...piece, before: before.get(piece.clause) ?? 0 }))
    .filter((piece) => piece.before < grouped.length);
  const found = [...grouped, ...shadowing.map(({ clause }) => clause)].filter((clause) => shown.has(clause));
  const actions = [...new Set(clauses.map(({ action }) => action))];
  const unions = actions.map((action): RuleList => {
    const own = found.filter((clause) => clause.action === action);
    if (own.length === 0) return noRules;
    const counter = (clause: ChainClause): string | null =>
      clause.action === action && shown.has(clause) ? ruleCounter(context, clause) : null;
    const content: UnionContent = {
      entries: grouped.map((clause) => ({ counter: counter(clause), members: groupsOf(clause) })),
      blocks: shadowing.map(({ low, high, before: rank, clause }) => ({
        low,
        high,
        before: rank,
        counter: counter(clause),
      })),
    };
    return unionRule(
      { ...context, accepted: verdictFor(action) },
      [],
      content,
      addressKey(context),
      clausesComment(own),
    );
  });
  const blocks = actions.map((action): RuleList => {
    const own = pieces.filter(({ clause }) => clause.action === action && shown.has(clause));
    if (own.length === 0) return noRules;
    const counted = own.map(({ low, high, clause }) => ({ low, high, counter: ruleCounter(context, clause) }));
    const comment = clausesComment(own.map(({ clause }) => clause));
    return blocksRule({ ...context, accepted: verdictFor(action) }, [], counted, comment);
  });
  return { members: joinRules(unions), blocks: joinRules(blocks) };
}

/** The blocks of all clauses, each piece with the first that covers it. */
function piecesOf(
  context: ChainContext,
  clauses: readonly ChainClause[],
  shared: SharedStretches,
): readonly ClausePiece[] {
  const withBlocks = clauses.filter((clause) => familyIntervals(context.family, clause).length > 0);
  const merged = (of: readonly ChainClause[]): readonly ClausePiece[] =>
    mergeBlocks(
      of.map((clause, rank) => ({ counter: String(rank), intervals: familyIntervals(context.family, clause) })),
    ).flatMap(({ low, high, counter }) => {
      const clause = of[Number(counter)];
      return clause === undefined ? [] : [{ low, high, clause }];
    });
  return withBlocks.every(isForEveryPort) ? shared.pieces(withBlocks, merged) : merged(withBlocks);
}

const addressKey = (context: ChainContext): LookupKey => ({
  type: [addressType(context.family)],
  field: [peerField(context)],
});

/** (address, port) pairs of one protocol, in order. Each rule names the protocol: without it nft cannot read a port. */
function pairsRules(context: ChainContext, clauses: readonly ChainClause[], verdictFor: VerdictFor): RuleList {
  const protocol = clauses
    .slice(0, 1)
    .flatMap(({ match }): Statement[] =>
      match.kind === "pairs" ? [{ kind: "l4proto", protocol: protocolNumber[match.protocol] }] : [],
    );
  if (clauses.length <= mostInLine) {
    return joinRules(
      clauses.map((clause) => acceptPairs(withVerdict(context, clause, verdictFor), protocol, [clause])),
    );
  }
  const key: LookupKey = {
    type: [addressType(context.family), "inet_service"],
    field: [peerField(context), "backend-port"],
  };
  return joinRules(
    [...new Set(clauses.map(({ action }) => action))].map((action): RuleList => {
      const entries = clauses.map((clause): UnionEntry => ({
        counter: clause.action === action ? ruleCounter(context, clause) : null,
        members: clause.match.kind === "pairs" ? [clause.match.pairs] : [],
      }));
      const comment = clausesComment(clauses.filter((clause) => clause.action === action));
      return unionRule({ ...context, accepted: verdictFor(action) }, protocol, { entries, blocks: [] }, key, comment);
    }),
  );
}
