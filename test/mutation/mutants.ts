/**
 * Breaks one line of the code at a time, in a copy of the tree, and lists what caught it:
 *   node test/mutation/mutants.ts [TEXT …]
 * A TEXT picks mutants by file or semantics line. Prints a Markdown table; exit 1 if a mutant survives.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import type { MutantResult } from "./tree.ts";
import { copyTree, requireSound, tryMutant } from "./tree.ts";
import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants-list.ts";

const root = join(import.meta.dirname, "..", "..");
const inTree = (...patterns: readonly string[]): readonly string[] => globSync([...patterns], { cwd: root }).sort();
/** Tests of what a policy means: of the API's object, of the evaluators, of the Rulesets that are made of it. */
const quick = inTree(
  "src/evaluate/*.test.ts",
  "src/policy/**/*.test.ts",
  "src/kube/selector.test.ts",
  "src/net/domain-name.test.ts",
  "test/acceptance/*.test.ts",
);
/** These take longer, and are asked only about the code that they are for. */
const ofCompiler = inTree("src/compile/*.test.ts", "test/compile/*.test.ts");
const ofNftables = inTree("test/nftables/{change,audit,tiers,named-ports,names}.test.ts");

function filesFor({ file }: Mutant): readonly string[] {
  if (file.startsWith("src/dataplane/nftables/")) return ofNftables;
  return /^src\/(compile|model|ir)\//.test(file) ? [...quick, ...ofCompiler] : quick;
}

const mostShown = 3;

function row({ mutant, caughtBy }: MutantResult): string {
  const more = caughtBy.length - mostShown;
  const names = caughtBy.slice(0, mostShown).map((name) => name.replaceAll("|", "/"));
  const what = caughtBy.length === 0 ? "**nothing**" : `${names.join("; ")}${more > 0 ? `; ${more} more` : ""}`;
  return `| ${mutant.line} | ${mutant.file} | ${what} |`;
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const isWanted = (text: string): boolean => wanted.length === 0 || wanted.some((one) => text.includes(one));
  const chosen = mutants.filter(({ line, file }) => isWanted(`${line} ${file}`));
  const copy = copyTree();
  let survivors = 0;
  try {
    await requireSound(copy, [...quick, ...ofCompiler, ...ofNftables]);
    console.log("| line of docs/semantics.md that is broken | in | caught by |\n|---|---|---|");
    for (const mutant of chosen) {
      const result = await tryMutant(copy, mutant, filesFor(mutant));
      if (result.caughtBy.length === 0) survivors += 1;
      console.log(row(result));
    }
  } finally {
    copy.remove();
  }
  console.log(`\n${chosen.length} mutants, ${chosen.length - survivors} caught, ${survivors} survived`);
  process.exitCode = survivors > 0 || chosen.length === 0 ? 1 : 0;
}

await main();
