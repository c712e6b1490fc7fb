/** Rule sets of others: loaded into a node, and what of them is there now. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inNamespace } from "../../src/system/namespace.ts";
import { outputOf } from "../../src/system/program.ts";
import type { World } from "../contract/world.ts";

export const rulesFolder = join(import.meta.dirname, "rules");

export type Backend = "nft" | "legacy";

/** In the order in which they have to be loaded: rules name ipsets. */
const loaders: readonly (readonly [suffix: string, program: string, ...args: string[]])[] = [
  ["ipset", "ipset", "restore"],
  ["iptables", "iptables-restore", "--noflush"],
  ["ip6tables", "ip6tables-restore", "--noflush"],
  ["nft", "nft", "-f", "-"],
];

const onBackend = (program: string, backend: Backend): string =>
  program.replace(/^(ip6?tables)-/, backend === "legacy" ? "$1-legacy-" : "$1-nft-");

/** Runs a program in the node; what it complains about is not shown where it ends well (nft warns of iptables' tables). */
function onNode({ node }: World, program: string, args: readonly string[], input = ""): string {
  return inNamespace(node.netns, () => outputOf(program, args, input));
}

/** Loads the rule set of this name into the node, beside what is there. */
export function loadRules(world: World, name: string, backend: Backend = "nft"): void {
  const found = loaders.filter(([suffix]) => existsSync(join(rulesFolder, `${name}.${suffix}.txt`)));
  if (found.length === 0) throw new Error(`there is no rule set ${name}`);
  for (const [suffix, program, ...args] of found) {
    onNode(world, onBackend(program, backend), args, readFileSync(join(rulesFolder, `${name}.${suffix}.txt`), "utf8"));
  }
}

/** Tables of nft's listing without ours. */
function withoutOurs(listing: string): string {
  return listing.replace(/^table inet portcullis \{[^\n]*\n(?:[\t ][^\n]*\n|\n)*\}\n/gm, "");
}

/** When it was printed, and how many packets and bytes a base chain has seen. */
const withoutTimes = (text: string): string => text.replaceAll(/^# .*\n/gm, "").replaceAll(/ \[\d+:\d+\]$/gm, "");

/**
 * Everything that others have in the node's netfilter, as text: every table of nft but ours with the handles of all its
 * rules, so that one that was deleted and made again shows too; iptables of both backends; ipsets.
 */
export function othersRules(world: World, backend: Backend = "nft"): string {
  return [
    withoutOurs(onNode(world, "nft", ["-a", "-s", "list", "ruleset"])),
    withoutTimes(onNode(world, `iptables-${backend}-save`, [])),
    withoutTimes(onNode(world, `ip6tables-${backend}-save`, [])),
    onNode(world, "ipset", ["save"]),
  ].join("\n");
}
