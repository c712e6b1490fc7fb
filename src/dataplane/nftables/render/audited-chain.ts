import type { Chain } from "../../../ir/ruleset.ts";
import type { Family } from "../../../net/address.ts";
import { kernelName } from "../names.ts";
import type { Rule } from "../program.ts";
import type { Statement, Verdict } from "../statement.ts";
import { verdictOf } from "./base-chains.ts";
import { addDecision } from "./chain.ts";
import { addChain, addCounter, type ChainContext } from "./clause-rules.ts";
import { auditReport, denied, type DenyReason, denyReasons } from "./deny-chains.ts";
import { Parts, type PartId, type Plan } from "./part.ts";

const back: Verdict = { kind: "return" };
const goto = (chain: string): Verdict => ({ kind: "goto", chain });
const ends = (verdict: Verdict): Statement => ({ kind: "verdict", verdict });
const jump = (chain: string): Rule => ({ statements: [ends({ kind: "jump", chain })], comment: null });
const last = (...statements: readonly Statement[]): Rule => ({ statements, comment: null });

/** What all chains of one audited direction have in common. */
type Side = Pick<ChainContext, "direction" | "family" | "parts"> & { readonly audit: Chain };

/** The chain that decides for an endpoint of which policies in audit have a say. */
export function auditedChainName(enforced: Chain["name"] | null, audit: Chain["name"], family: Family): string {
  if (enforced === null) return acceptedName(audit, family);
  // The digest of a name is its last 16 characters: what tells names apart.
  return kernelName(`${enforced}/${family}/beside/${audit.slice(-16)}`);
}

const acceptedName = (audit: Chain["name"], family: Family): string => kernelName(`${audit}/${family}/accepted`);

/**
 * All that such a direction needs: the enforced decision first, in a variant of its own whose ends ask, beside what
 * they do, how it would have been decided if the policies in audit counted. That decision is jumped to and can only
 * return: whatever is in it, or missing from it, what is enforced stands. It is there twice: one tells where it denies
 * (asked where the enforced one accepts), one where it accepts. Nobody else's packets meet any of it. Both in a row are
 * the longest way through the table: their tiers are of fewer chains than others'.
 */
export function planAudited(enforced: Chain | null, audit: Chain, family: Family): Plan {
  const { direction } = audit;
  const side: Side = { audit, direction, family, parts: new Parts() };
  const accepted = acceptedName(audit.name, family);
  const tellsDenials = addTeller(side, "denies");
  const goesOn = direction === "ingress" ? verdictOf.ingressAccepted : verdictOf.egressAccepted;
  const leaves: PartId[] = [
    addLeaf(side, accepted, [jump(kernelName(`${audit.name}/${family}/denies`)), last(ends(goesOn))], [tellsDenials]),
  ];
  if (enforced === null) return side.parts;
  const tellsAccepts = addTeller(side, "accepts");
  for (const reason of reasonsOf(enforced)) {
    const rules = [jump(kernelName(`${audit.name}/${family}/accepts`)), last(ends(denied(direction, reason)))];
    leaves.push(addLeaf(side, deniedName(side, reason), rules, [tellsAccepts]));
  }
  addDecision(
    {
      ...side,
      chain: enforced.name,
      base: auditedChainName(enforced.name, audit.name, family),
      accepted: goto(accepted),
      denied: (reason) => goto(deniedName(side, reason)),
      comesBack: direction === "egress",
      tiers: "flat",
      counts: "decisions",
      leaves,
    },
    enforced,
  );
  return side.parts;
}

const deniedName = ({ audit, family }: Side, reason: DenyReason): string =>
  kernelName(`${audit.name}/${family}/denied/${reason}`);

/** The decision with the policies in audit, counting and reporting one of its outcomes; it does nothing else. */
function addTeller(side: Side, tells: "denies" | "accepts"): PartId {
  const { audit, direction, family } = side;
  const base = `${audit.name}/${family}/${tells}`;
  const verdict = tells === "denies" ? "deny" : "accept";
  const counter = kernelName(`audit-${tells === "denies" ? "deny" : "allow"}/${audit.name}`);
  const comment = `would be ${tells === "denies" ? "denied" : "accepted"}: ${audit.audited.join(" ")}`;
  const source = { kind: "audit", chain: audit.name, direction, verdict, policies: audit.audited } as const;
  addCounter(side, counter, comment, source);
  const told = (reason: DenyReason | "policy"): string => kernelName(`${base}/told/${reason}`);
  const reasons = tells === "denies" ? reasonsOf(audit) : (["policy"] as const);
  const leaves = reasons.map((reason) => {
    const rule = last({ kind: "counter", name: counter }, ends(auditReport(direction, reason)));
    return addLeaf(side, told(reason), [rule], [`counter ${counter}`]);
  });
  return addDecision(
    {
      ...side,
      chain: audit.name,
      base,
      accepted: tells === "denies" ? back : goto(told("policy")),
      denied: (reason) => (tells === "denies" ? goto(told(reason)) : back),
      comesBack: true,
      tiers: "in line",
      counts: "audit",
      leaves,
    },
    audit,
  );
}

/** Why it can deny. */
function reasonsOf({ admin, networkPolicy, baseline, fallback }: Chain): readonly DenyReason[] {
  const denies = (clauses: Chain["admin"]): boolean => clauses.some(({ action }) => action === "deny");
  const can: Readonly<Record<DenyReason, boolean>> = {
    admin: denies(admin),
    isolated: networkPolicy !== null,
    baseline: networkPolicy === null && denies(baseline),
    default: networkPolicy === null && fallback === "deny",
  };
  return denyReasons.filter((reason) => can[reason]);
}

function addLeaf(side: Side, name: string, rules: readonly Rule[], uses: readonly PartId[]): PartId {
  return addChain({ parts: side.parts, leaves: [] }, name, { rules, uses });
}
