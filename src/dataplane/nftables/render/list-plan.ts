import { contentHash } from "../names.ts";
import type { Rule } from "../program.ts";
import { ruleText } from "../text.ts";
import type { RuleList } from "./clause-rules.ts";

/** Rules that stand last in their chain. */
export interface ListPlan {
  readonly rules: RuleList;
  /** What tells it from all others. */
  readonly content: string;
  /** How it goes on; null: to `next`. */
  readonly end: ListPlan | null;
}

/** What many lists end with: the rules for every port from some place on. */
export interface Ends {
  readonly whole: ListPlan;
  readonly texts: readonly string[];
  /** From this place on. */
  from(place: number): ListPlan;
}

/** Lists share ends that begin at every so many rules: each is a chain, and all of them hold the last rules. */
const rulesBetweenEnds = 4;
/** An end of one rule is as good in its place. */
const leastShared = 2;

export function endsOf(whole: ListPlan): Ends {
  const { rules } = whole.rules;
  const texts = rules.map(ruleText);
  const made = new Map<number, ListPlan>([[0, whole]]);
  const from = (place: number): ListPlan => {
    const known = made.get(place);
    if (known !== undefined) return known;
    const plan = listPlan({ rules: rules.slice(place), uses: usesOf(rules.slice(place), whole.rules.uses) }, null);
    made.set(place, plan);
    return plan;
  };
  return { whole, texts, from };
}

/** A list that ends as others do goes there for its end. */
export function listPlan(list: RuleList, ends: Ends | null): ListPlan {
  const texts = list.rules.map(ruleText);
  const content = contentHash(texts);
  if (ends === null) return { rules: list, content, end: null };
  if (content === ends.whole.content) return ends.whole;
  const place = firstInCommon(texts, ends.texts);
  const start = texts.length - (ends.texts.length - place);
  if (ends.texts.length - place < leastShared || start <= 0) return { rules: list, content, end: null };
  const own = list.rules.slice(0, start);
  const end = ends.from(place);
  // Another tier may have the same rules, and share other ends: that is another chain.
  const divided = contentHash([...texts.slice(0, start), "goto", end.content]);
  return { rules: { rules: own, uses: usesOf(own, list.uses) }, content: divided, end };
}

/** Where the shared end begins of which the list has all. */
function firstInCommon(list: readonly string[], shared: readonly string[]): number {
  let common = 0;
  while (common < Math.min(list.length, shared.length) && list.at(-1 - common) === shared.at(-1 - common)) common++;
  return rulesBetweenEnds * Math.ceil((shared.length - common) / rulesBetweenEnds);
}

/** Of all that a list needs what these rules of it refer to: a chain that is shared must keep nothing else. */
function usesOf(rules: readonly Rule[], uses: RuleList["uses"]): RuleList["uses"] {
  const named = new Set<string>();
  for (const { statements } of rules) {
    for (const statement of statements) {
      if (statement.kind === "lookup") named.add(`set ${statement.set}`);
      else if (statement.kind === "counter-map" || statement.kind === "verdict-map") named.add(`set ${statement.map}`);
      else if (statement.kind === "counter") named.add(`counter ${statement.name}`);
    }
  }
  return uses.filter((use) => named.has(use));
}
