import type { Block } from "./table-text.ts";

/** A rule that a packet meets, and what it means in words. */
export type Step = readonly [rule: string, meaning: string];

/** What rules say, in words; the first that fits. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/^ct mark & .* == @generation accept$/, "a connection accepted under the present rules passes at once"],
  [/^jump forwarded$/, "everything else is decided"],
  [/vmap @in4$/, "the map leads from the pod's address to its chain"],
  [/ : goto /, "and this is the pod's element of the map"],
  [/@g-.*goto stamp/, "is the client in the set? then accepted"],
  [/goto cut\b/, "all others are denied, and the drop is counted"],
  [/^ct mark set ct mark & /, "the connection loses its mark of acceptance"],
  [/reject with tcp reset$/, "open TCP connections are reset"],
  [/^drop$/, "new ones get no answer"],
];

function meaningOf(rule: string): string {
  return meanings.find(([pattern]) => pattern.test(rule))?.[1] ?? "";
}

const firstWord = (text: string): string => text.split(" ")[0] ?? "";

/** The chain that the pod's address leads to in one of the two verdict maps; null where the map does not hold it. */
export function chainOf(blocks: ReadonlyMap<string, Block>, map: string, address: string): string | null {
  const element = blocks.get(`map ${map}`)?.lines.find((line) => firstWord(line) === address);
  return element === undefined ? null : (/goto (\S+)$/.exec(element)?.[1] ?? null);
}

function rulesOf(blocks: ReadonlyMap<string, Block>, chain: string): readonly string[] {
  return (blocks.get(`chain ${chain}`)?.lines ?? []).filter((line) => !line.startsWith("type "));
}

export interface ChainSteps {
  readonly chain: string;
  readonly steps: readonly Step[];
}

/** The chain of the forward hook that looks destinations up; the last one that does so before any policy is asked. */
function lookupChain(blocks: ReadonlyMap<string, Block>): string | null {
  const names = [...blocks.keys()].flatMap((title) => /^chain (\S+)$/.exec(title)?.[1] ?? []);
  const looking = names.filter((name) => rulesOf(blocks, name).some((rule) => rule.endsWith("vmap @in4")));
  return looking.find((name) => name.startsWith("forwarded")) ?? looking[0] ?? null;
}

/** The way of a new connection's first packet to a pod: the chains that it meets on the pod's node, in order. */
export function wayTo(blocks: ReadonlyMap<string, Block>, address: string): readonly ChainSteps[] {
  const chain = chainOf(blocks, "in4", address);
  const lookup = lookupChain(blocks);
  const element = blocks.get("map in4")?.lines.find((line) => firstWord(line) === address);
  if (chain === null || lookup === null || element === undefined) return [];
  // What a rule's comment says, the column of meanings says.
  const step = (rule: string): Step => [rule.replace(/ comment ".*"$/, ""), meaningOf(rule)];
  const steps = (name: string, pattern: RegExp): readonly Step[] =>
    rulesOf(blocks, name)
      .filter((rule) => pattern.test(rule))
      .map(step);
  const way: ChainSteps[] = [
    { chain: "forward", steps: steps("forward", /@generation accept$|^jump forwarded$/) },
    { chain: lookup, steps: [...steps(lookup, /vmap @in4$/), step(element)] },
    { chain, steps: steps(chain, /./) },
  ];
  if (rulesOf(blocks, chain).some((rule) => rule.includes("goto cut"))) {
    way.push({ chain: "cut", steps: steps("cut", /./) });
  }
  return way;
}

/** The sets that a chain looks the client up in, with their members. */
export function setsOf(
  blocks: ReadonlyMap<string, Block>,
  chain: string,
): readonly { readonly name: string; readonly members: readonly string[] }[] {
  const names = rulesOf(blocks, chain).flatMap((rule) => /@(g-\S+)/.exec(rule)?.[1] ?? []);
  return [...new Set(names)].map((name) => {
    const lines = blocks.get(`set ${name}`)?.lines ?? [];
    return { name, members: lines.filter((line) => /^[0-9a-f.:]+$/.test(line)) };
  });
}
