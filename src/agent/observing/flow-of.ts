import type { DirectionDecision } from "../../ir/decide.ts";
import type { Ruleset } from "../../ir/ruleset.ts";
import type { Address } from "../../net/address.ts";
import { readPacket } from "../../net/packet.ts";
import type { Flow, FlowEnd, FlowReason } from "../../observe/flow.ts";
import type { LoggedPacket } from "../../system/netlink/packet-log.ts";
import { chainOf, connectionOf, decisionOn, isExplained } from "./connection.ts";
import type { LoggedConnection } from "./connection.ts";
import { type LogPrefix, readLogPrefix } from "./prefix.ts";

/** What a packet is explained with. */
export interface Knowledge {
  /** Null: nothing is known yet; the packet is told of as the kernel saw it. */
  readonly ruleset: Ruleset | null;
  /** `namespace/name` of the live pod that holds the address, on whatever node. */
  readonly podAt: (address: Address) => string | null;
  readonly node: string;
}

/** A pod may be isolated by a thousand policies, and there may be a hundred flows a second. */
const mostPolicies = 20;

const protocolNames: Readonly<Record<number, string>> = {
  1: "ICMP",
  6: "TCP",
  17: "UDP",
  58: "ICMPv6",
  132: "SCTP",
};

const reasons: Readonly<Record<DirectionDecision["by"], FlowReason>> = {
  admin: "admin",
  networkPolicy: "isolated",
  baseline: "baseline",
  fallback: "default",
  none: "default",
};

function endOf(address: Address, port: number | null, { ruleset, podAt }: Knowledge): FlowEnd {
  const name = ruleset?.endpoints.get(address)?.pod ?? podAt(address);
  if (name === null) return { address, namespace: null, pod: null, port };
  const slash = name.indexOf("/");
  return { address, namespace: name.slice(0, slash), pod: name.slice(slash + 1), port };
}

type Cause = Pick<Flow, "reason" | "policies" | "rule">;

/** What decided, as far as the Ruleset still says it; it may have changed since the packet. */
function causeOf(ruleset: Ruleset | null, it: LoggedConnection, prefix: LogPrefix): Cause {
  const told = prefix.reason === "policy" ? "isolated" : prefix.reason;
  if (ruleset === null || prefix.direction === null) return { reason: told, policies: [], rule: null };
  const decision = decisionOn(ruleset, it, prefix);
  const isSame = prefix.reason === "policy" || prefix.reason === reasons[decision.by];
  if (!isExplained(decision, prefix) || !isSame) return { reason: told, policies: [], rule: null };
  const reason = reasons[decision.by];
  const { clause } = decision;
  if (clause !== null) return { reason, policies: [clause.policy], rule: clause.rule };
  const chain = chainOf(ruleset, it, prefix);
  const isolating = chain === null ? [] : (ruleset.chains.get(chain)?.isolatedBy ?? []);
  return { reason, policies: reason === "isolated" ? isolating.slice(0, mostPolicies) : [], rule: null };
}

/** A logged packet as what happened to a connection, in the terms of the cluster. Null: it is none of ours. */
export function flowOf(logged: LoggedPacket, knowledge: Knowledge, time: number): Flow | null {
  const prefix = readLogPrefix(logged.prefix);
  const packet = readPacket(logged.head);
  if (prefix === null || packet === null) return null;
  const { ruleset, node } = knowledge;
  const it = connectionOf(ruleset, packet, logged.connection, prefix);
  const { reason, policies, rule } = causeOf(ruleset, it, prefix);
  return {
    apiVersion: "portcullis.dev/v1",
    kind: "Flow",
    time: new Date(time).toISOString(),
    node,
    verdict: prefix.verdict,
    direction: prefix.direction,
    reason,
    protocol: protocolNames[it.protocolNumber] ?? String(it.protocolNumber),
    from: endOf(it.client, it.ports?.client ?? null, knowledge),
    to: endOf(it.backend, it.ports?.backend ?? null, knowledge),
    policies,
    rule,
    suppressed: 0,
  };
}
