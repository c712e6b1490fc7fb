import { asciiJson } from "../kube/ascii-json.ts";

/** One end of a connection, as far as it is known. */
export interface FlowEnd {
  /** As text, printed from the parsed number. */
  readonly address: string;
  /** Null where the address is no known pod's. */
  readonly namespace: string | null;
  readonly pod: string | null;
  /** Null for protocols without ports. */
  readonly port: number | null;
}

/** What was done with the connection, or, for a policy in audit, what would have been. */
export type FlowVerdict = "denied" | "audit-denied" | "audit-allowed";

/**
 * Why: `isolated`: no NetworkPolicy allows it; `admin`, `baseline`: a rule of that tier denies it; `default`: the
 * default verdict; `unknown`: an address of a pod range that is no known pod's (semantics.md, 10); `untracked`:
 * connection tracking does not know it (11).
 */
export type FlowReason = "isolated" | "admin" | "baseline" | "default" | "unknown" | "untracked";

/** One logged connection: `portcullis observe -o json` prints exactly this, a line each. */
export interface Flow {
  readonly apiVersion: "portcullis.dev/v1";
  readonly kind: "Flow";
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly node: string;
  readonly verdict: FlowVerdict;
  /** Whose policies decided: egress of `from` or ingress of `to`; null where neither did (`unknown`, `untracked`). */
  readonly direction: "ingress" | "egress" | null;
  readonly reason: FlowReason;
  /** `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6` or the number. */
  readonly protocol: string;
  /** Who opened the connection; whose backend it reached, after service translation. */
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  /** The policies that isolate the pod in this direction (20 at most), or the one whose rule decided: `Kind/namespace/name`. */
  readonly policies: readonly string[];
  /** Which rule of that one policy decided, from 0 in its list for the direction; null where none did. */
  readonly rule: number | null;
  /**
   * Of the log: so many of the same ends, port, verdict and direction were not logged since the last one. 0 for who
   * observes: gets all that the kernel reports.
   */
  readonly suppressed: number;
}

/** Stands between the flows of a reader that was too slow: so many are missing here. */
export interface FlowsLost {
  readonly apiVersion: "portcullis.dev/v1";
  readonly kind: "FlowsLost";
  readonly time: string;
  readonly node: string;
  readonly count: number;
}

/** JSON on one line, safe to print. */
export function flowLine(flow: Flow | FlowsLost): string {
  return `${asciiJson(flow)}\n`;
}
