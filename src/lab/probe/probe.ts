import type { Address } from "../../net/address.ts";
import type { PortProtocol } from "../../net/protocol.ts";

/** What a probe is made of: a protocol by name, or any other by its number. */
export type ProbeProtocol = PortProtocol | "ICMP" | number;

/** One connection to try with real packets. */
export interface Probe {
  readonly source: Address;
  /** What is dialled: a host's address, or a Service's. */
  readonly destination: Address;
  readonly protocol: ProbeProtocol;
  /** Null for protocols without ports. */
  readonly port: number | null;
  /** Where it ends after the Service's translation: the same address and port where there is no Service. */
  readonly answeredBy: { readonly address: Address; readonly port: number | null };
}

export interface ProbeResult {
  readonly answered: boolean;
  /** From the first packet to the answer or to giving up. */
  readonly milliseconds: number;
  /** What came instead of an answer: `ECONNREFUSED`, `timeout` …; empty where it was answered. */
  readonly reason: string;
}
