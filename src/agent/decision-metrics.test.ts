import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PolicyCounter } from "../dataplane/dataplane.ts";
import { createRegistry } from "../observe/metrics.ts";
import type { PolicyId } from "../policy/policy.ts";
import { registerDecisions } from "./decision-metrics.ts";

const rule = (name: string, packets: bigint): PolicyCounter => ({
  name,
  verdict: "accept",
  direction: "ingress",
  packets,
  bytes: 0n,
});
const audit = (verdict: "audit-deny" | "audit-accept", packets: bigint, ...policies: string[]): PolicyCounter => ({
  name: `${verdict} ${policies.join()}`,
  verdict,
  direction: "ingress",
  policies: policies as PolicyId[],
  packets,
  bytes: 0n,
});

/** The lines of a family. */
function linesOf(family: string, counters: readonly PolicyCounter[]): readonly string[] {
  const registry = createRegistry();
  registerDecisions(registry, { latest: () => counters, total: () => 0n });
  const lines = registry.text().split("\n");
  return lines.filter((line) => line.startsWith(`${family}{`)).map((line) => line.slice(family.length));
}

describe("what the kernel counted, by policy", () => {
  const decisions = "portcullis_policy_decisions_packets_total";
  const audits = "portcullis_policy_audit_packets_total";

  it("an audit counts for each policy in audit that has a say, and decides nothing", () => {
    const counters = [rule("N/a/p ingress[0]", 7n), audit("audit-deny", 2n, "N/a/p", "N/a/q")];
    assert.deepEqual(
      linesOf(audits, [...counters, audit("audit-deny", 3n, "N/a/q"), audit("audit-accept", 1n, "N/a/q")]),
      [
        '{policy="N/a/p",verdict="deny",direction="ingress"} 2',
        '{policy="N/a/q",verdict="deny",direction="ingress"} 5',
        '{policy="N/a/q",verdict="accept",direction="ingress"} 1',
      ],
    );
    assert.deepEqual(linesOf(decisions, counters), ['{counter="N/a/p ingress[0]"} 7']);
  });

  it("ten thousand policies are 2,000 series, and nothing is lost", () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `N/a/p${String(index).padStart(5, "0")}`);
    const ofRules = linesOf(
      decisions,
      names.map((name) => rule(name, 1n)),
    );
    assert.deepEqual([ofRules.length, ofRules.at(-1)], [2001, '{counter="(other)"} 8000']);
    const inAudit = linesOf(
      audits,
      names.flatMap((name) => [audit("audit-deny", 1n, name), audit("audit-accept", 2n, name)]),
    );
    assert.deepEqual(inAudit.slice(2000), [
      '{policy="(other)",verdict="deny",direction="ingress"} 9000',
      '{policy="(other)",verdict="accept",direction="ingress"} 18000',
    ]);
  });

  it("rules of policies with the longest names that there are stay apart", () => {
    const name = `BaselineAdminNetworkPolicy/${"n".repeat(63)}/${"p".repeat(253)}`;
    const lines = linesOf(decisions, [rule(`${name} ingress[100]`, 1n), rule(`${name} ingress[101]`, 1n)]);
    assert.equal(new Set(lines).size, 2);
  });
});
