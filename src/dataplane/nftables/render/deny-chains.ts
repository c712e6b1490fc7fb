import type { Direction } from "../../../policy/policy.ts";
import type { Family } from "../../../net/address.ts";
import type { KeyType, ProgramChain, ProgramSet, Rule } from "../program.ts";
import type { KeyField, Statement, Verdict } from "../statement.ts";

/** What in an endpoint chain can deny: the same words as in the log. */
export type DenyReason = "isolated" | "admin" | "baseline" | "default";

const families: readonly Family[] = [4, 6];
const directions: readonly Direction[] = ["ingress", "egress"];
export const denyReasons: readonly DenyReason[] = ["isolated", "admin", "baseline", "default"];

/** Where an endpoint chain goes that denies: reported there if anybody wants to know, then cut. */
export function denied(direction: Direction, reason: DenyReason): Verdict {
  return { kind: "goto", chain: `deny_${direction}_${reason}` };
}

/**
 * Where is reported what policies in audit would have done: denied, for this reason, or accepted (`policy`: whose
 * rule it was is not known there). It comes back.
 */
export function auditReport(direction: Direction, reason: DenyReason | "policy"): Verdict {
  return { kind: "goto", chain: auditReportName(direction, reason) };
}

const auditReportName = (direction: Direction, reason: DenyReason | "policy"): string =>
  `${reason === "policy" ? "audit_allow" : "audit_deny"}_${direction}_${reason}`;

/** Of one pair of addresses so many a second are reported, ... */
const eachPair = { perSecond: 1, burst: 3 } as const;
/** ... and of one kind of denial (and family) so many: apart, so that a flood of one kind hides no other. */
const eachKind = { perSecond: 50, burst: 100 } as const;
/**
 * Pairs that are remembered at a time, apart for each place of reports: who comes from ever new addresses fills one of
 * them, and what comes to it then is denied all the same, but not reported.
 */
const mostPairs = 4096;
const pairLifetime = 10;
/** Enough of a packet for every header that tells of a connection. */
const snaplen = 128;

/**
 * Whose pairs are kept apart: a flood of unknown addresses, or of one direction, must not hide what the other denies;
 * nor must what is accepted in spite of an audit.
 */
const pairsOf = ["denied_none", "denied_ingress", "denied_egress", "audited_ingress", "audited_egress"] as const;
type PairsOf = (typeof pairsOf)[number];

const pairSetName = (of: PairsOf, family: Family): string => `logged_${of}${family}`;

/** The pairs of addresses that were reported lately. None where nothing is reported. */
export function reportSets(logGroup: number | null): ProgramSet[] {
  if (logGroup === null) return [];
  return pairsOf.flatMap((of) =>
    families.map((family): ProgramSet => {
      const address: KeyType = family === 4 ? "ipv4_addr" : "ipv6_addr";
      const shape = { key: [address, address], data: "none", interval: false, size: mostPairs } as const;
      const comment = `pairs that were logged lately: ${of.replace("_", " ")}`;
      return { name: pairSetName(of, family), ...shape, lifetime: pairLifetime, comment, elements: new Map() };
    }),
  );
}

/**
 * Rules that report a packet and go on: `portcullis WHAT`. First the pair's limit, then that of the kind: the other
 * way round one pair would use up what all have. Never in the way of a packet that is accepted.
 */
export function reportRules(logGroup: number | null, what: string, of: PairsOf): Rule[] {
  if (logGroup === null) return [];
  return families.map((family) => {
    const key: readonly KeyField[] = [`source${family}`, `destination${family}`];
    const statements: Statement[] = [
      { kind: "limit-each", key, set: pairSetName(of, family), ...eachPair },
      { kind: "limit", ...eachKind },
      { kind: "log", prefix: `portcullis ${what}`, group: logGroup, snaplen },
    ];
    return { statements, comment: null };
  });
}

/** The ends of all endpoint chains that deny, and of what connection tracking does not know. */
export function denyChains(logGroup: number | null): ProgramChain[] {
  const chain = (name: string, what: string, of: PairsOf, last: Verdict): ProgramChain => ({
    name,
    hook: null,
    rules: [...reportRules(logGroup, what, of), { statements: [{ kind: "verdict", verdict: last }], comment: null }],
  });
  return [
    ...directions.flatMap((direction) =>
      denyReasons.map((reason) =>
        chain(`deny_${direction}_${reason}`, `deny ${direction} ${reason}`, `denied_${direction}`, {
          kind: "goto",
          chain: "cut",
        }),
      ),
    ),
    chain("deny_untracked", "deny none untracked", "denied_none", { kind: "drop" }),
  ];
}

/** The ends of audits. Nothing refers to them on a node without policies in audit. */
export function auditReportChains(logGroup: number | null): ProgramChain[] {
  const chain = (direction: Direction, reason: DenyReason | "policy", what: string): ProgramChain => ({
    name: auditReportName(direction, reason),
    hook: null,
    rules: reportRules(logGroup, `${what} ${direction} ${reason}`, `audited_${direction}`),
  });
  return directions.flatMap((direction) => [
    ...denyReasons.map((reason) => chain(direction, reason, "audit-deny")),
    chain(direction, "policy", "audit-allow"),
  ]);
}
