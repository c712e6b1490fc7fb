import type { Family } from "../../../net/address.ts";
import { portProtocols, type PortProtocol } from "../../../net/protocol.ts";
import type { Chain, ChainClause, ChainName } from "../../../ir/ruleset.ts";
import { commentText, contentHash, kernelName } from "../names.ts";
import type { Statement, Verdict } from "../statement.ts";
import { ruleText } from "../text.ts";
import { verdictOf } from "./base-chains.ts";
import { denied, type DenyReason } from "./deny-chains.ts";
import {
  acceptPairs,
  acceptPeers,
  addChain,
  type ChainContext,
  dropCounter,
  joinRules,
  protocolNumber,
  type RuleList,
} from "./clause-rules.ts";
import { isWorthSharing, sharedTierRules, type TierEnds, tierRules } from "./ordered-rules.ts";
import { Parts, type PartId, type Plan } from "./part.ts";
import { clausesOfProtocol, type PortClass } from "./port-classes.ts";
import { portMapRule } from "./port-maps.ts";

/** The kernel's chain for an IR chain: one a family, so that a packet meets no rule of the other family. */
export function chainNameOf(chain: ChainName, family: Family): string {
  return kernelName(`${chain}/${family}`);
}

/** Fewer port ranges than this are compared one after the other (about 30 ns each) rather than looked up. */
const mostComparedRanges = 2;
/** A class of so few rules stands in line; a longer one is a chain of its own, shared by all that have the same. */
const mostRulesInLine = 2;

/**
 * All that one endpoint chain needs for one family. Content decides every name but the chain's own, so chains share
 * what is equal. Cost: the size of the chain.
 */
export function planChain(chain: Chain, family: Family): Plan {
  const { name, direction } = chain;
  const context: ChainContext = {
    chain: name,
    direction,
    family,
    base: `${name}/${family}`,
    accepted: direction === "ingress" ? verdictOf.ingressAccepted : verdictOf.egressAccepted,
    denied: (reason) => denied(direction, reason),
    comesBack: direction === "egress",
    tiers: "shared",
    counts: "decisions",
    leaves: [],
    parts: new Parts(),
  };
  addDecision(context, chain);
  return context.parts;
}

/** Adds the chain that decides as `chain` says, under the name that the context gives it. */
export function addDecision(context: ChainContext, chain: Chain): PartId {
  const rest = chain.networkPolicy === null ? baselineRules(context, chain) : networkPolicyRules(context, chain);
  return addChain(
    context,
    kernelName(context.base),
    chain.admin.length === 0 ? rest : adminRules(context, chain, rest),
  );
}

/** Admin rules in order, then the rest: a pass goes there. */
function adminRules(context: ChainContext, chain: Chain, rest: RuleList): RuleList {
  const { verdict, uses } = continuation(context, rest);
  const ends: TierEnds = { denied: context.denied("admin"), next: verdict, nextUses: uses };
  const isBare = uses.length !== 1 || verdict.kind !== "goto" || uses[0] !== `chain ${verdict.chain}`;
  return isBare || context.tiers !== "shared" || !isWorthSharing(context, chain.admin, ends.denied)
    ? tierRules(context, chain.admin, ends)
    : sharedTierRules(context, chain.admin, ends, verdict.chain);
}

/** How to go on to what stands below a tier: in a chain of its own, named by its content, if it is more than a verdict. */
function continuation(
  context: ChainContext,
  rest: RuleList,
): { readonly verdict: Verdict; readonly uses: readonly PartId[] } {
  const [only, ...more] = rest.rules;
  const [statement, ...others] = only?.statements ?? [];
  if (more.length === 0 && others.length === 0 && statement?.kind === "verdict") {
    return { verdict: statement.verdict, uses: rest.uses };
  }
  const short = context.direction === "ingress" ? "in" : "eg";
  const name = `rest-${short}${context.family}-${contentHash(rest.rules.map(ruleText))}`;
  return { verdict: { kind: "goto", chain: name }, uses: [addChain(context, name, rest)] };
}

function baselineRules(context: ChainContext, chain: Chain): RuleList {
  const fallback = fallbackRules(context, chain);
  if (chain.baseline.length === 0) return fallback;
  const { verdict, uses } = continuation(context, fallback);
  return tierRules(context, chain.baseline, {
    denied: context.denied("baseline"),
    next: verdict,
    nextUses: uses,
  });
}

function fallbackRules(context: ChainContext, chain: Chain): RuleList {
  if (chain.fallback === "deny") return denyRule(context, "default", "the default verdict is deny");
  return { rules: [{ statements: [{ kind: "verdict", verdict: context.accepted }], comment: null }], uses: [] };
}

/** What nothing accepted is denied, counted for this chain. */
function denyRule(context: ChainContext, reason: DenyReason, comment: string): RuleList {
  const verdict: Statement = { kind: "verdict", verdict: context.denied(reason) };
  if (context.counts === "audit") {
    return { rules: [{ statements: [verdict], comment: commentText(comment) }], uses: [] };
  }
  const counter = dropCounter(context, comment);
  const statements: Statement[] = [{ kind: "counter", name: counter }, verdict];
  return { rules: [{ statements, comment: commentText(comment) }], uses: [`counter ${counter}`] };
}

function networkPolicyRules(context: ChainContext, chain: Chain): RuleList {
  const clauses = [...(chain.networkPolicy ?? [])].sort(
    (a, b) => (a.policy < b.policy ? -1 : a.policy > b.policy ? 1 : 0) || a.rule - b.rule,
  );
  const portless = clauses.filter(({ match }) => match.kind === "peers" && match.ports === null);
  const isolatedBy = chain.isolatedBy.map((policy) => policy.replace(/^NetworkPolicy\//, "")).join(" ");
  const deny = denyRule(context, "isolated", `isolated by ${isolatedBy}`);
  const withoutPorts = acceptPeers(context, [], portless);
  if (!context.comesBack) {
    const protocols = portProtocols.map((protocol) => protocolRules(context, protocol, clauses));
    return joinRules([...protocols, withoutPorts, deny]);
  }
  const anyPort = portProtocols.map((protocol) => anyPortRules(context, protocol, clauses));
  const byPort = portProtocols.map((protocol) => portRules(context, protocol, clauses, deny));
  return joinRules([...anyPort, withoutPorts, ...byPort, deny]);
}

const l4proto = (protocol: PortProtocol): Statement[] => [{ kind: "l4proto", protocol: protocolNumber[protocol] }];

function protocolRules(context: ChainContext, protocol: PortProtocol, clauses: readonly ChainClause[]): RuleList {
  return joinRules([portRules(context, protocol, clauses, null), anyPortRules(context, protocol, clauses)]);
}

/** Clauses for every port of the protocol, and for (address, port) pairs. */
function anyPortRules(context: ChainContext, protocol: PortProtocol, clauses: readonly ChainClause[]): RuleList {
  const { everyPort, pairs } = clausesOfProtocol(clauses, protocol);
  const match = l4proto(protocol);
  return joinRules([inLineOrJump(context, match, everyPort), acceptPairs(context, match, pairs)]);
}

/**
 * Clauses for some ports. `last` is what a class ends with; null: it comes back to the rules behind it. Where an
 * accept comes back too (egress: a bit and a return, base-chains.ts; audits) what a class accepted would go on behind
 * the jump as if it had not. So there classes stand last, are gone to, and deny by themselves.
 */
function portRules(
  context: ChainContext,
  protocol: PortProtocol,
  clauses: readonly ChainClause[],
  last: RuleList | null,
): RuleList {
  const { classes } = clausesOfProtocol(clauses, protocol);
  const ranges = classes.reduce((sum, portClass) => sum + portClass.ranges.length, 0);
  const match = l4proto(protocol);
  return ranges <= mostComparedRanges
    ? comparedClasses(context, match, classes)
    : mappedClasses(context, match, classes, last);
}

function comparedClasses(context: ChainContext, match: readonly Statement[], classes: readonly PortClass[]): RuleList {
  const lists = classes.flatMap(({ ranges, clauses }) =>
    ranges.map(({ from, to }) => inLineOrJump(context, [...match, { kind: "backend-port", from, to }], clauses)),
  );
  return joinRules(lists);
}

/** The rules of one port class, or (where accepts go on for good) a jump to the chain that holds them; a miss goes on behind it. */
function inLineOrJump(context: ChainContext, match: readonly Statement[], clauses: readonly ChainClause[]): RuleList {
  const list = acceptPeers(context, match, clauses);
  if (list.rules.length <= mostRulesInLine || context.comesBack) return list;
  const chain = classChain(context, clauses, null);
  const jump: Statement = { kind: "verdict", verdict: { kind: "jump", chain } };
  return { rules: [{ statements: [...match, jump], comment: null }], uses: [`chain ${chain}`] };
}

/** Named by its content, shared by every chain that has such a class. Without a `last` it ends in a return. */
function classChain(context: ChainContext, clauses: readonly ChainClause[], last: RuleList | null): string {
  const accepting = acceptPeers(context, [], clauses);
  const list = last === null ? accepting : joinRules([accepting, last]);
  const short = context.direction === "ingress" ? "in" : "eg";
  const name = `class-${short}${context.family}-${contentHash(list.rules.map(ruleText))}`;
  addChain(context, name, list);
  return name;
}

function mappedClasses(
  context: ChainContext,
  match: readonly Statement[],
  classes: readonly PortClass[],
  last: RuleList | null,
): RuleList {
  const byPort = classes.map(({ ranges, clauses }) => ({ ranges, chain: classChain(context, clauses, last) }));
  return portMapRule(context, match, byPort, last === null ? "jump" : "goto");
}
