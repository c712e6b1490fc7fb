import type { Mutant } from "./mutant.ts";

const lookups = "src/dataplane/nftables/render/domain-lookups.ts";
const path = "src/dataplane/nftables/names-path.ts";

/** What was learned of names in the kernel, and the way of DNS to user space. */
export const mutantsOfNames: readonly Mutant[] = [
  {
    line: "(names) in the grace no connection begins",
    file: lookups,
    text: `[...match, open, lookup(context, of, "going-on")]`,
    replacement: `[...match, lookup(context, of, "going-on")]`,
  },
  {
    line: "(names) in the grace open connections go on",
    file: lookups,
    text: `[...match, open, lookup(context, of, "going-on")]`,
    replacement: `[...match, open, lookup(context, of, "beginning")]`,
  },
  {
    line: "(names) a rule with names and ports needs both",
    file: lookups,
    text: `[...match, lookup(context, of, "beginning")]`,
    replacement: `[lookup(context, of, "beginning")]`,
  },
  {
    line: "(names) nothing is shown when nobody learns any more",
    file: path,
    text: `if (learning === null && this.#isThere)`,
    replacement: `if (learning === null && this.#isThere && this.#learners.size > 0)`,
  },
  {
    line: "(names) who learns no more is not shown any more",
    file: path,
    text: `learns ? null : undefined`,
    replacement: `null`,
  },
  {
    line: "(names) who is a resolver no more is not learned from",
    file: path,
    text: `for (const address of before) if (!after.has(address)) this.#setResolver(address, undefined);`,
    replacement: ``,
  },
];
