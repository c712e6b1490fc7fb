import type { PortSet } from "./port-set.ts";
import {
  allPorts,
  emptyPorts,
  equalPorts,
  formatPorts,
  intersectPorts,
  isEmptyPorts,
  portsContain,
  subtractPorts,
  unionPorts,
} from "./port-set.ts";
import type { PortProtocol, Protocol } from "./protocol.ts";

/**
 * What may pass between two ends: ports of each protocol that has them, and whether ICMP and the other protocols pass.
 * Canonical: equal sets are equal field by field.
 */
export interface ConnectionSet {
  readonly TCP: PortSet;
  readonly UDP: PortSet;
  readonly SCTP: PortSet;
  readonly ICMP: boolean;
  readonly other: boolean;
}

export const noConnections: ConnectionSet = {
  TCP: emptyPorts,
  UDP: emptyPorts,
  SCTP: emptyPorts,
  ICMP: false,
  other: false,
};

export const allConnections: ConnectionSet = { TCP: allPorts, UDP: allPorts, SCTP: allPorts, ICMP: true, other: true };

/** Ports of one protocol. */
export function portConnections(protocol: PortProtocol, ports: PortSet): ConnectionSet {
  return { ...noConnections, [protocol]: ports };
}

function combine(
  a: ConnectionSet,
  b: ConnectionSet,
  ports: (a: PortSet, b: PortSet) => PortSet,
  portless: (a: boolean, b: boolean) => boolean,
): ConnectionSet {
  return {
    TCP: ports(a.TCP, b.TCP),
    UDP: ports(a.UDP, b.UDP),
    SCTP: ports(a.SCTP, b.SCTP),
    ICMP: portless(a.ICMP, b.ICMP),
    other: portless(a.other, b.other),
  };
}

export function unionConnections(a: ConnectionSet, b: ConnectionSet): ConnectionSet {
  return combine(a, b, unionPorts, (one, two) => one || two);
}

export function intersectConnections(a: ConnectionSet, b: ConnectionSet): ConnectionSet {
  return combine(a, b, intersectPorts, (one, two) => one && two);
}

/** What is in a and not in b. */
export function subtractConnections(a: ConnectionSet, b: ConnectionSet): ConnectionSet {
  return combine(a, b, subtractPorts, (one, two) => one && !two);
}

export function equalConnections(a: ConnectionSet, b: ConnectionSet): boolean {
  return (
    equalPorts(a.TCP, b.TCP) &&
    equalPorts(a.UDP, b.UDP) &&
    equalPorts(a.SCTP, b.SCTP) &&
    a.ICMP === b.ICMP &&
    a.other === b.other
  );
}

export function isEmptyConnections(set: ConnectionSet): boolean {
  return isEmptyPorts(set.TCP) && isEmptyPorts(set.UDP) && isEmptyPorts(set.SCTP) && !set.ICMP && !set.other;
}

/** Whether a connection is in the set. The port of a protocol without ports does not count. */
export function connectionsContain(set: ConnectionSet, protocol: Protocol, port: number): boolean {
  if (protocol === "ICMP" || protocol === "other") return set[protocol];
  return portsContain(set[protocol], port);
}

/** One protocol's part of a set, as `matrix` prints it: `80,443,8000-9000`, or `all`. */
export interface ConnectionPart {
  readonly protocol: Protocol;
  readonly ports: string;
}

/** The parts that are not empty: TCP, UDP, SCTP, ICMP, other. */
export function connectionParts(set: ConnectionSet): readonly ConnectionPart[] {
  const parts: ConnectionPart[] = [];
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    if (!isEmptyPorts(set[protocol])) parts.push({ protocol, ports: formatPorts(set[protocol]) });
  }
  for (const protocol of ["ICMP", "other"] as const) if (set[protocol]) parts.push({ protocol, ports: "all" });
  return parts;
}
