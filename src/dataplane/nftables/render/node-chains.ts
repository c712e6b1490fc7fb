import type { ProgramChain, Rule } from "../program.ts";
import type { Statement } from "../statement.ts";

const accept: Statement = { kind: "verdict", verdict: { kind: "accept" } };
const goto = (chain: string): Statement => ({ kind: "verdict", verdict: { kind: "goto", chain } });
const rule = (statements: readonly Statement[], comment: string | null = null): Rule => ({ statements, comment });

/**
 * What the node itself opens: it reaches its pods, whatever isolates them (semantics.md, 4), but no address of its pod
 * range that no known pod has (semantics.md, 10). The range is asked first, so that what the node sends elsewhere costs
 * one lookup.
 */
export function nodeChains(): ProgramChain[] {
  const chain = (name: string, rules: readonly Rule[]): ProgramChain => ({ name, hook: null, rules });
  return [
    chain("sent", [
      // Its neighbours on the link; fe80::/10 is in range6 for what is forwarded.
      rule([{ kind: "lookup", key: ["backend6"], set: "link_local" }, accept]),
      rule([{ kind: "lookup", key: ["backend4"], set: "range4" }, goto("sent_to_range4")]),
      rule([{ kind: "lookup", key: ["backend6"], set: "range6" }, goto("sent_to_range6")]),
      rule([accept]),
    ]),
    ...([4, 6] as const).map((family) =>
      chain(`sent_to_range${family}`, [
        rule([{ kind: "lookup", key: [`backend${family}`], set: `iso${family}` }, accept], "a node reaches its pods"),
        rule([{ kind: "lookup", key: [`backend${family}`], set: `open${family}` }, accept]),
        rule([goto("unknown")]),
      ]),
    ),
  ];
}
