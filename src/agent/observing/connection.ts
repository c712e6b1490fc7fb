import { type DirectionDecision, type ForwardedConnection, decideDirection } from "../../ir/decide.ts";
import type { ChainName, Endpoint, Ruleset } from "../../ir/ruleset.ts";
import type { Packet } from "../../net/packet.ts";
import type { Protocol } from "../../net/protocol.ts";
import type { Direction } from "../../policy/policy.ts";
import type { LoggedPacket } from "../../system/netlink/packet-log.ts";
import type { LogPrefix } from "./prefix.ts";

/** A connection with the number of its protocol and the client's port. */
export interface LoggedConnection extends ForwardedConnection {
  readonly protocolNumber: number;
  /** Null where the protocol has none, or where this packet does not show them. */
  readonly ports: { readonly client: number; readonly backend: number } | null;
}

const named: Readonly<Record<number, Protocol>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP", 132: "SCTP" };

function connection(ends: Pick<Packet, "source" | "destination" | "protocol" | "ports">): LoggedConnection {
  const { source, destination, protocol, ports } = ends;
  return {
    client: source,
    backend: destination,
    protocol: named[protocol] ?? "other",
    port: ports?.destination ?? 0,
    protocolNumber: protocol,
    ports: ports === null ? null : { client: ports.source, backend: ports.destination },
  };
}

function reversed({ source, destination, protocol, ports }: Packet): LoggedConnection {
  const turned = ports === null ? null : { source: ports.destination, destination: ports.source };
  return connection({ source: destination, destination: source, protocol, ports: turned });
}

/** The chain that decided: of the pod whose direction it is, with or without what is in audit. */
export function chainOf(ruleset: Ruleset, { client, backend }: ForwardedConnection, prefix: LogPrefix) {
  const endpoint = ruleset.endpoints.get(prefix.direction === "egress" ? client : backend);
  return endpoint === undefined || prefix.direction === null
    ? null
    : chainIn(endpoint, prefix.direction, prefix.verdict !== "denied");
}

function chainIn(endpoint: Endpoint, direction: Direction, audit: boolean): ChainName | null {
  if (!audit) return endpoint[direction];
  return direction === "ingress" ? endpoint.auditIngress : endpoint.auditEgress;
}

/** What the Ruleset, as it is now, says about the connection in this direction. */
export function decisionOn(ruleset: Ruleset, it: ForwardedConnection, prefix: LogPrefix): DirectionDecision {
  const peer = prefix.direction === "egress" ? it.backend : it.client;
  return decideDirection(ruleset, chainOf(ruleset, it, prefix), peer, it);
}

/** Whether the Ruleset decides it as the rule that logged it did. */
export function isExplained(decision: DirectionDecision, { verdict }: LogPrefix): boolean {
  return decision.by !== "none" && decision.verdict === (verdict === "audit-allowed" ? "accept" : "deny");
}

/** Where the ports begin that a client gets from its kernel (Linux' own choice). */
const firstClientPort = 32_768;

/** From a port that services have to one that clients get. */
function looksLikeAnswer({ ports }: Packet): boolean {
  return ports !== null && ports.source < firstClientPort && ports.destination >= firstClientPort;
}

/**
 * Who opened the connection and whom it reached. Connection tracking knows where the kernel tells it. Else the packet
 * has to do: a first packet goes from the client to the backend; any other one may be an answer, and is taken for one
 * if the Ruleset decides the connection as the kernel did only that way round. Where that tells nothing (all pods of a
 * namespace are isolated alike, and an open connection is cut) the ports do.
 */
export function connectionOf(
  ruleset: Ruleset | null,
  packet: Packet,
  tracked: LoggedPacket["connection"],
  prefix: LogPrefix,
): LoggedConnection {
  if (tracked !== null) return trackedConnection(tracked);
  const forth = connection(packet);
  if (ruleset === null || packet.opens === true || prefix.direction === null) return forth;
  const back = reversed(packet);
  const explains = (it: LoggedConnection) => isExplained(decisionOn(ruleset, it, prefix), prefix);
  const isForth = explains(forth);
  if (isForth !== explains(back)) return isForth ? forth : back;
  return looksLikeAnswer(packet) ? back : forth;
}

function trackedConnection({ original, reply }: NonNullable<LoggedPacket["connection"]>): LoggedConnection {
  const { ports } = reply;
  return connection({
    source: original.source,
    destination: reply.source,
    protocol: original.protocol,
    ports: ports === null ? null : { source: original.ports?.source ?? ports.destination, destination: ports.source },
  });
}
