import type { Address } from "../net/address.ts";
import type { DomainName } from "../net/domain-name.ts";
import type { Protocol } from "../net/protocol.ts";
import type { PolicyId, Tier } from "../policy/policy.ts";

/** What every first packet of a connection has, before the node's masquerading. */
interface FirstPacket {
  readonly source: Address;
  readonly protocol: Protocol;
  /** 0 for a protocol without ports. */
  readonly port: number;
  /** The node that sends it itself, where the asker knows (a node, a hostNetwork pod). Null: judged by the address. */
  readonly sourceNode: string | null;
}

/** A connection to an address: that after service translation. */
export interface AddressConnection extends FirstPacket {
  readonly destination: Address;
  readonly domain: null;
}

/** A connection to an outside host of which only the name is known. Its family is the source's. */
export interface DomainConnection extends FirstPacket {
  readonly destination: null;
  readonly domain: DomainName;
}

export type Connection = AddressConnection | DomainConnection;

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
