import type { FlowReason, FlowVerdict } from "../../observe/flow.ts";
import type { Direction } from "../../policy/policy.ts";

/** What the rule that logged a packet says about it: `portcullis VERDICT DIRECTION REASON`. */
export interface LogPrefix {
  readonly verdict: FlowVerdict;
  readonly direction: Direction | null;
  /** `policy`: of which tier, that chain could not tell. */
  readonly reason: FlowReason | "policy";
}

const verdicts: Readonly<Record<string, FlowVerdict>> = {
  deny: "denied",
  "audit-deny": "audit-denied",
  "audit-allow": "audit-allowed",
};

const form =
  /^portcullis (deny|audit-deny|audit-allow) (ingress|egress|none) (isolated|admin|baseline|default|unknown|untracked|policy)$/;

/** Null where it is no rule of ours. */
export function readLogPrefix(text: string): LogPrefix | null {
  const [, verdict = "", direction, reason] = form.exec(text.trimEnd()) ?? [];
  const named = verdicts[verdict];
  if (named === undefined) return null;
  return {
    verdict: named,
    direction: direction === "none" ? null : (direction as Direction),
    reason: reason as LogPrefix["reason"],
  };
}
