import type { Address } from "../net/address.ts";
import type { Protocol } from "../net/protocol.ts";
import type { PolicyId, Tier } from "../policy/policy.ts";

/** The first packet of a connection, after service translation and before the node's masquerading. */
export interface Connection {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: Protocol;
  /** 0 for a protocol without ports. */
  readonly port: number;
  /** The node that sends it itself, where the asker knows (a node, a hostNetwork pod). Null: judged by the address. */
  readonly sourceNode: string | null;
}

export type Verdict = "allow" | "deny";

/** The rule that decided; a clause without a name has no `ruleName`. */
export interface DecidedBy {
  readonly policy: PolicyId;
  readonly rule: number;
  readonly ruleName?: string;
}

/** What one direction says. The fields and their order are the contract of the command line. */
export interface Part {
  readonly verdict: Verdict;
  /** `none`: the subject is no pod, or rule 3, 4 or 10 of semantics.md decided. */
  readonly tier: Tier | "default" | "none";
  /** The policies of the NetworkPolicy tier that isolate the subject in this direction, by name. */
  readonly isolatedBy: readonly PolicyId[];
  readonly decidedBy: DecidedBy | null;
}

/** Both directions are always evaluated; both must allow. */
export interface Decision {
  readonly verdict: Verdict;
  readonly egress: Part;
  readonly ingress: Part;
}

export interface EvaluateOptions {
  /** semantics.md, 12. A namespace labelled `portcullis.dev/default-verdict: deny` denies whatever this says. */
  readonly defaultVerdict: "accept" | "deny";
  /** semantics.md, 10. */
  readonly unknownPods: "drop" | "accept";
}

export const defaultOptions: EvaluateOptions = { defaultVerdict: "accept", unknownPods: "drop" };

/** No rule of a policy was asked and nothing stands in the way. */
export const passed: Part = { verdict: "allow", tier: "none", isolatedBy: [], decidedBy: null };

/** An address of a node's pod range that is no pod's (semantics.md, 10). */
export const unknownPod: Part = { verdict: "deny", tier: "none", isolatedBy: [], decidedBy: null };

/** Both parts put together. */
export function decisionOf(egress: Part, ingress: Part): Decision {
  const allowed = egress.verdict === "allow" && ingress.verdict === "allow";
  return { verdict: allowed ? "allow" : "deny", egress, ingress };
}
