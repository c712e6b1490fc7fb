import { contentHash } from "../names.ts";
import type { ElementData, ProgramSet } from "../program.ts";
import type { Statement } from "../statement.ts";
import type { ChainContext, RuleList } from "./clause-rules.ts";
import type { PartId } from "./part.ts";

/** Port ranges become single ports of a hash map up to this many (97 ns against 157-255 ns), above it an interval map. */
const mostExpandedPorts = 512;

/** Ports, and the chain that decides about them. */
export interface ChainOfPorts {
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
  readonly chain: string;
}

/** One lookup of the port of the protocol that `match` stands for. */
export function portMapRule(
  context: ChainContext,
  match: readonly Statement[],
  classes: readonly ChainOfPorts[],
  kind: "jump" | "goto",
): RuleList {
  const ports = classes.flatMap(({ ranges }) => ranges).reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const interval = ports > mostExpandedPorts;
  const elements = new Map<string, ElementData>();
  for (const { ranges, chain } of classes) {
    for (const { from, to } of ranges) {
      for (const key of interval ? [portKey(from, to)] : singlePorts(from, to)) elements.set(key, { kind, chain });
    }
  }
  const map = portMap(context, interval, elements, [...new Set(classes.map(({ chain }): PartId => `chain ${chain}`))]);
  const lookup: Statement = { kind: "verdict-map", key: ["backend-port"], map };
  return { rules: [{ statements: [...match, lookup], comment: null }], uses: [`set ${map}`] };
}

function portMap(
  context: ChainContext,
  interval: boolean,
  elements: ReadonlyMap<string, ElementData>,
  uses: readonly PartId[],
): string {
  const sorted = new Map([...elements].sort(([a], [b]) => Number.parseInt(a) - Number.parseInt(b)));
  const content = [...sorted].flatMap(([key, data]) => [
    key,
    data !== null && typeof data === "object" && "chain" in data ? data.chain : "",
  ]);
  const name = `ports-${contentHash([String(interval), ...content])}`;
  const set: ProgramSet = {
    name,
    key: ["inet_service"],
    data: "verdict",
    interval,
    size: null,
    comment: null,
    elements: sorted,
  };
  context.parts.set(`set ${name}`, { id: `set ${name}`, uses, object: { kind: "set", set } });
  return name;
}

const portKey = (from: number, to: number): string => (from === to ? String(from) : `${from}-${to}`);

function singlePorts(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}
