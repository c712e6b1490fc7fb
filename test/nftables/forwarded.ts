import type { Program } from "../../src/dataplane/nftables/program.ts";
import { decideDirection, type ForwardedConnection, isUnknown } from "../../src/ir/decide.ts";
import type { Ruleset } from "../../src/ir/ruleset.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import { type Outcome, walk } from "./packet.ts";

const protocolNumbers: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, other: 47 };

/** What a program does with the next packet of a connection that is forwarded, and what it reports, as `reportsOf`. */
export function outcomeOf(
  program: Program,
  { client, backend, protocol, port }: ForwardedConnection,
  mark = 0,
): Outcome & { readonly reports: string } {
  const outcome = walk(program, {
    hook: "forward",
    client,
    backend,
    protocol: protocolNumbers[protocol],
    port,
    state: mark === 0 ? "new" : "established",
    direction: "original",
    isTranslated: false,
    tcpFlags: 2,
    mark,
  });
  const audits = outcome.counters.filter((counter) => /^audit-(deny|allow)\//.test(counter));
  return { ...outcome, reports: [...outcome.logs, ...audits].join("; ") };
}

const words = { admin: "admin", networkPolicy: "isolated", baseline: "baseline", fallback: "default", none: "" };

/**
 * What should be logged about a new connection, and which audits should count it: nothing where it is accepted and no
 * audit differs.
 */
export function reportsOf(ruleset: Ruleset, connection: ForwardedConnection): string {
  const { client, backend } = connection;
  const [logs, counters]: [string[], string[]] = [[], []];
  for (const [direction, address, peer] of [
    ["egress", client, backend],
    ["ingress", backend, client],
  ] as const) {
    if (isUnknown(ruleset, address)) return [...logs, "portcullis deny none unknown", ...counters].join("; ");
    const endpoint = ruleset.endpoints.get(address);
    const { verdict, by } = decideDirection(ruleset, endpoint?.[direction] ?? null, peer, connection);
    const audit = (direction === "egress" ? endpoint?.auditEgress : endpoint?.auditIngress) ?? null;
    const would = audit === null ? null : decideDirection(ruleset, audit, peer, connection);
    if (would !== null && would.verdict !== verdict) {
      const what = verdict === "accept" ? "audit-deny" : "audit-allow";
      logs.push(`portcullis ${what} ${direction} ${verdict === "accept" ? words[would.by] : "policy"}`);
      counters.push(`${what}/${audit}`);
    }
    if (verdict === "deny") return [...logs, `portcullis deny ${direction} ${words[by]}`, ...counters].join("; ");
  }
  return [...logs, ...counters].join("; ");
}
