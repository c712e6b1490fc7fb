import { hexMark, type MarkLayout, stampOf } from "../generation.ts";
import type { ElementData, KeyType, ProgramSet } from "../program.ts";
import { reportSets } from "./deny-chains.ts";

/**
 * The sets that the base chains look into. None that pods fill has a size: the kernel has a somewhat faster hash
 * for those, but a node whose range is that of the whole cluster knows all its pods, and where one does not fit the
 * kernel takes nothing any more.
 */
export function baseSets(layout: MarkLayout, generation: number, logGroup: number | null): ProgramSet[] {
  const plain = (name: string, keyType: readonly KeyType[], comment: string): ProgramSet => ({
    name,
    key: keyType,
    data: "none",
    interval: false,
    size: null,
    comment,
    elements: new Map(),
  });
  const family = (suffix: 4 | 6): ProgramSet[] => {
    const address: KeyType = suffix === 4 ? "ipv4_addr" : "ipv6_addr";
    return [
      { ...plain(`eg${suffix}`, [address], "pods of this node: what they may reach"), data: "verdict" },
      { ...plain(`in${suffix}`, [address], "pods of this node: who may reach them"), data: "verdict" },
      plain(`iso${suffix}`, [address], "pods of this node that something isolates"),
      plain(`open${suffix}`, [address], "known pods that nothing isolates here, and gateways"),
      plain(`self${suffix}`, [address, address], "a pod that reaches itself through a Service"),
      { ...plain(`range${suffix}`, [address], "addresses that must be known"), interval: true },
    ];
  };
  return [
    nodeLocalSet("mark", layoutSetName, [hexMark(layoutVersion)], "version of how this table is built", false),
    generationSet(layout, generation),
    nodeLocalSet("icmpv6_type", "nd", neighbourDiscovery, "neighbour discovery and MLD", false),
    nodeLocalSet("ipv6_addr", "link_local", [linkLocal], "never a pod's address", true),
    nodeLocalSet("ipv6_addr", "on_link", [linkLocal, multicast], "what neighbours on a link speak to", true),
    ...family(4),
    ...family(6),
    ...reportSets(logGroup),
  ];
}

const neighbourDiscovery = ["130", "131", "132", "133", "134", "135", "136", "137", "143"];
/** fe80::/10. Bridged pods can meet there, under addresses that no policy knows. */
export const linkLocal = "fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
const multicast = "ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

function nodeLocalSet(
  keyType: KeyType,
  name: string,
  keys: readonly string[],
  comment: string,
  interval: boolean,
): ProgramSet {
  const elements = new Map<string, ElementData>(keys.map((key) => [key, null]));
  return { name, key: [keyType], data: "none", interval, size: null, comment, elements };
}

/**
 * How the table is built: what its chains, sets and the bits of the mark mean to each other. To be raised with every
 * change after which rules of the old table and elements of the new one (or the other way round) must not meet in one
 * packet; an agent that finds another one hands over (hand-over.ts). 1: tables without this set.
 */
export const layoutVersion = 2;
export const layoutSetName = "layout";

export const generationSetName = "generation";

function generationSet(layout: MarkLayout, generation: number): ProgramSet {
  const elements = new Map([[hexMark(stampOf(layout, generation)), null]]);
  return { ...nodeLocalSet("mark", generationSetName, [], "accepted connections carry it", false), size: 8, elements };
}
