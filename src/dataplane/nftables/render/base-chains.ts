import type { MarkLayout } from "../generation.ts";
import { stampOf } from "../generation.ts";
import type { ProgramChain, ProgramCounter, Rule } from "../program.ts";
import type { Statement, Verdict } from "../statement.ts";
import { generationSetName } from "./base-sets.ts";
import { auditReportChains, denyChains, reportRules } from "./deny-chains.ts";
import { nodeChains } from "./node-chains.ts";

const goto = (chain: string): Statement => ({ kind: "verdict", verdict: { kind: "goto", chain } });
const jump = (chain: string): Statement => ({ kind: "verdict", verdict: { kind: "jump", chain } });
const verdict = (kind: "accept" | "drop" | "return"): Statement => ({ kind: "verdict", verdict: { kind } });
const counter = (name: string): Statement => ({ kind: "counter", name });
const l4proto = (protocol: number): Statement => ({ kind: "l4proto", protocol });
const rule = (statements: readonly Statement[], comment: string | null = null): Rule => ({ statements, comment });

/** Where endpoint chains go on; where they deny: `denied`. */
export const verdictOf: Readonly<Record<"ingressAccepted" | "egressAccepted", Verdict>> = {
  ingressAccepted: { kind: "goto", chain: "stamp" },
  egressAccepted: { kind: "goto", chain: "egress_ok" },
};

/** Drops that no policy and no endpoint chain stands for. */
export const dropCounters: Readonly<Record<string, string>> = {
  drop_unknown: "an address of the pod range that belongs to no known pod",
  drop_no_entry: "invalid or untracked, to or from an isolated pod or an unknown address",
  drop_midstream: "TCP of an isolated pod that conntrack never saw open",
  drop_fell_through: "undecided: part of the table was missing",
};

export const generationChainName = "set_generation";

/** One rule, without a verdict: replacing it costs no validation of the table (see `ct-mark-lookup` in statement.ts). */
export function generationRule(layout: MarkLayout, generation: number): Rule {
  return rule([{ kind: "set-ct-mark", keep: ~layout.generationMask >>> 0, value: stampOf(layout, generation) }]);
}

export function baseCounters(): ProgramCounter[] {
  return Object.entries(dropCounters).map(([name, comment]) => ({ name, comment }));
}

/** Chains that never change but for the generation. The README follows a packet through them. */
export function baseChains(layout: MarkLayout, generation: number, logGroup: number | null): ProgramChain[] {
  const chain = (name: string, rules: readonly Rule[]): ProgramChain => ({ name, hook: null, rules });
  const set = (mask: number, value: number): Rule => rule([{ kind: "set-ct-mark", keep: ~mask >>> 0, value }]);
  return [
    ...hookChains(layout),
    chain("forwarded", forwardedRules(layout)),
    ...([4, 6] as const).flatMap((family) => [
      chain(`forwarded${family}`, forwardedFamilyRules(layout, family)),
      chain(`client${family}`, clientRules(family, goto(`from_outside${family}`))),
      chain(`from_pod${family}`, backendRules(family, goto("stamp"), null)),
      chain(`from_outside${family}`, backendRules(family, verdict("accept"), "neither end is ours")),
      chain(`node${family}`, clientRules(family, verdict("accept"))),
    ]),
    chain("received", receivedRules(layout)),
    chain("answered", toNodeRules(layout)),
    ...nodeChains(),
    chain("egress_ok", [set(layout.egressBit, layout.egressBit)]),
    chain("stamp", [...icmpErrors, rule([jump(generationChainName)]), rule([verdict("accept")])]),
    chain(generationChainName, [generationRule(layout, generation)]),
    chain("cut", [
      set(layout.mask, 0),
      rule([{ kind: "ct-state", states: ["established"] }, l4proto(6), { kind: "reject-tcp-reset" }]),
      rule([verdict("drop")]),
    ]),
    ...denyChains(logGroup),
    ...auditReportChains(logGroup),
    chain("unknown", [
      rule([counter("drop_unknown")]),
      ...reportRules(logGroup, "deny none unknown", "denied_none"),
      rule([goto("cut")]),
    ]),
    chain("midstream", midstreamRules()),
    chain("no_entry", noEntryRules()),
    chain("no_entry_input", noEntryInputRules()),
    chain("no_entry_source", noEntryEndRules("source")),
    chain("no_entry_destination", noEntryEndRules("destination")),
  ];
}

const fellThrough = rule([counter("drop_fell_through"), verdict("drop")]);

function hookChains(layout: MarkLayout): ProgramChain[] {
  const accepted = rule([
    { kind: "ct-mark-lookup", mask: layout.generationMask, set: generationSetName },
    verdict("accept"),
  ]);
  return [
    { name: "forward", hook: "forward", rules: [accepted, rule([jump("forwarded")]), fellThrough] },
    {
      name: "input",
      hook: "input",
      rules: [
        accepted,
        rule([{ kind: "loopback", interface: "iif" }, verdict("accept")]),
        rule([{ kind: "ct-direction", direction: "reply" }, verdict("accept")], "the node itself opened it"),
        rule([jump("received")]),
        fellThrough,
      ],
    },
    {
      name: "output",
      hook: "output",
      rules: [
        accepted,
        rule([{ kind: "loopback", interface: "oif" }, verdict("accept")]),
        rule([{ kind: "ct-direction", direction: "original" }, goto("sent")]),
        rule(
          [{ kind: "ct-state", states: ["invalid", "related", "untracked"] }, verdict("accept")],
          "our resets and ICMP errors, neighbour discovery",
        ),
        rule([jump("answered")]),
        fellThrough,
      ],
    },
  ];
}

/** Carries the mark of the connection that it is about, which may be denied for its ports: it must not stamp it. */
const icmpErrors: readonly Rule[] = [1, 58].map((protocol) =>
  rule([{ kind: "ct-state", states: ["related"] }, l4proto(protocol), verdict("accept")]),
);

/** An error about a connection that was accepted, in whatever generation: its l4proto is ICMP, ports cannot be asked. */
function icmpErrorRules(layout: MarkLayout): Rule[] {
  return [1, 58].map((protocol) =>
    rule(
      [
        { kind: "ct-state", states: ["related"] },
        l4proto(protocol),
        { kind: "ct-mark", mask: layout.generationMask, operator: "!=", value: 0 },
        verdict("accept"),
      ],
      "an error about an accepted connection",
    ),
  );
}

const fin = 1;
const syn = 2;
const rst = 4;
const ack = 16;

const midstreamRule = rule([
  { kind: "ct-state", states: ["new"] },
  l4proto(6),
  { kind: "tcp-flags", mask: fin | syn | rst | ack, operator: "!=", value: syn },
  jump("midstream"),
]);

function noEntryRule(chain: string): Rule {
  // Before anything that sets a mark: `ct mark set X accept` accepts a packet that has no entry.
  return rule([{ kind: "ct-state", states: ["invalid", "untracked"] }, goto(chain)]);
}

function forwardedRules(layout: MarkLayout): Rule[] {
  return [
    noEntryRule("no_entry"),
    ...icmpErrorRules(layout),
    midstreamRule,
    rule([{ kind: "nfproto", family: 6 }, goto("forwarded6")]),
    rule([goto("forwarded4")]),
  ];
}

function forwardedFamilyRules(layout: MarkLayout, family: 4 | 6): Rule[] {
  const ends = [`client${family}`, `backend${family}`] as const;
  return [
    rule([{ kind: "ct-status-dnat" }, { kind: "lookup", key: ends, set: `self${family}` }, goto("stamp")]),
    rule([jump(`client${family}`)]),
    rule([egressAccepted(layout), goto(`from_pod${family}`)]),
  ];
}

/** Where this is not the case after a pod's egress chain, that chain was no whole one: the caller's end drops. */
const egressAccepted = (layout: MarkLayout): Statement => ({
  kind: "ct-mark",
  mask: layout.egressBit,
  operator: "==",
  value: layout.egressBit,
});

/**
 * Returns for a pod of this node, with the egress bit set if its egress accepts. A jump and a bit rather than a goto on
 * to ingress: the kernel walks every path at commit (before 6.18.5 again and again), and egress chains times ingress
 * chains would be far too many. Other clients go on to `others`.
 */
function clientRules(family: 4 | 6, others: Statement): Rule[] {
  const client = `client${family}` as const;
  // The node's own neighbours on its uplinks speak from fe80:: too (routers, DHCPv6), but to no address that is not of
  // the link: a pod could reach all of its node so.
  const neighbour = rule([
    { kind: "lookup", key: [client], set: "link_local" },
    { kind: "lookup", key: [`backend${family}`], set: "on_link" },
    verdict("accept"),
  ]);
  const isNode = others.kind === "verdict" && others.verdict.kind === "accept";
  return [
    rule([{ kind: "verdict-map", key: [client], map: `eg${family}` }]),
    ...(isNode && family === 6 ? [neighbour] : []),
    rule([{ kind: "lookup", key: [client], set: `range${family}` }, goto("unknown")]),
    rule([others]),
  ];
}

function backendRules(family: 4 | 6, others: Statement, comment: string | null): Rule[] {
  const backend = `backend${family}` as const;
  return [
    rule([{ kind: "verdict-map", key: [backend], map: `in${family}` }]),
    rule([{ kind: "lookup", key: [backend], set: `range${family}` }, goto("unknown")]),
    rule([others], comment),
  ];
}

function receivedRules(layout: MarkLayout): Rule[] {
  return [noEntryRule("no_entry_input"), ...icmpErrorRules(layout), midstreamRule, ...toNodeRules(layout)];
}

/** The way of a pod to its own node, and the answers: the pod's egress decides (semantics.md, 4). */
function toNodeRules(layout: MarkLayout): Rule[] {
  return [
    rule([{ kind: "nfproto", family: 4 }, jump("node4")]),
    rule([{ kind: "nfproto", family: 6 }, jump("node6")]),
    rule([egressAccepted(layout), goto("stamp")]),
  ];
}

function midstreamRules(): Rule[] {
  return (["client4", "backend4", "client6", "backend6"] as const).map((field) =>
    rule([
      { kind: "lookup", key: [field], set: field.endsWith("4") ? "iso4" : "iso6" },
      counter("drop_midstream"),
      goto("deny_untracked"),
    ]),
  );
}

const neighbourDiscoveryRule = rule([{ kind: "lookup", key: ["icmpv6-type"], set: "nd" }, verdict("accept")]);

function noEntryRules(): Rule[] {
  return [
    neighbourDiscoveryRule,
    rule([jump("no_entry_source")]),
    rule([jump("no_entry_destination")]),
    rule([verdict("accept")]),
  ];
}

function noEntryInputRules(): Rule[] {
  return [
    neighbourDiscoveryRule,
    rule([
      { kind: "lookup", key: ["source6"], set: "link_local" },
      { kind: "lookup", key: ["destination6"], set: "on_link" },
      verdict("accept"),
    ]),
    rule([jump("no_entry_source")]),
    rule([verdict("accept")]),
  ];
}

function noEntryEndRules(end: "source" | "destination"): Rule[] {
  const drop = [counter("drop_no_entry"), goto("deny_untracked")];
  return ([4, 6] as const).flatMap((family) => {
    const key = [`${end}${family}`] as const;
    return [
      rule([{ kind: "lookup", key, set: `iso${family}` }, ...drop]),
      rule([{ kind: "lookup", key, set: `open${family}` }, verdict("return")]),
      rule([{ kind: "lookup", key, set: `range${family}` }, ...drop]),
    ];
  });
}
