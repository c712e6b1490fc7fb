/** The protocols that have ports. */
export type PortProtocol = "TCP" | "UDP" | "SCTP";

export const portProtocols: readonly PortProtocol[] = ["TCP", "UDP", "SCTP"];

/** What a connection can be: one of the protocols with ports, ICMP (ICMPv6 too), or any other IP protocol. */
export type Protocol = PortProtocol | "ICMP" | "other";
