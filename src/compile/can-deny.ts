import type { Action } from "../policy/policy.ts";
import type { ChainParts } from "./chain.ts";
import type { Part } from "./lower.ts";
import type { PartList } from "./part-list.ts";

/**
 * Whether a direction that was decided by one chain accepts, decided by another, all that it accepted before;
 * given that groups and pair sets lost no members. False where that is not certain. Null accepts all.
 */
export function acceptsAtLeast(after: ChainParts | null, before: ChainParts | null): boolean {
  if (after === null || acceptsAll(after)) return true;
  if (before === null) return false;
  // What goes on from the admin tier is decided by what follows: each of both must hold, whatever the other does.
  return orderedAtLeast(after.admin, before.admin) && belowAdminAtLeast(after, before);
}

function belowAdminAtLeast(after: ChainParts, before: ChainParts): boolean {
  if (before.networkPolicy !== null && after.networkPolicy !== null) {
    return unitedAtLeast(after.networkPolicy, before.networkPolicy);
  }
  // Pods that are isolated no longer may meet a Deny of the baseline, or the default.
  if (before.networkPolicy !== null) return acceptsAllBelowAdmin(after);
  // Pods that become isolated accept less than before; where they accepted nothing, as much.
  if (after.networkPolicy !== null) return before.fallback === "deny" && !has(before.baseline, "accept");
  return (after.fallback === "accept" || before.fallback === "deny") && orderedAtLeast(after.baseline, before.baseline);
}

const has = ({ clauses }: PartList, action: Action): boolean => clauses.some((clause) => clause.action === action);

const acceptsAll = (parts: ChainParts): boolean => !has(parts.admin, "deny") && acceptsAllBelowAdmin(parts);

const acceptsAllBelowAdmin = ({ networkPolicy, baseline, fallback }: ChainParts): boolean =>
  networkPolicy === null && fallback === "accept" && !has(baseline, "deny");

/** Whether the union of what `after` allows holds every match that `before` allows. */
function unitedAtLeast(after: PartList, before: PartList): boolean {
  if (after.name === before.name) return true;
  const kept = new Set(after.parts.map((part) => part.digest));
  const lost = before.parts.filter((part) => !kept.has(part.digest));
  if (lost.length === 0) return true;
  const allowed = new Set(after.parts.flatMap((part) => part.matchKeys));
  return lost.every((part) => part.matchKeys.every((key) => allowed.has(key)));
}

/** A clause as far as it decides. */
interface Step {
  readonly action: Action;
  readonly match: string;
}

/** From what is worst for a connection to what is best. */
const rank = { deny: 0, pass: 1, accept: 2 } as const;

/**
 * Where more than this changed at once (a policy that goes far up or down among a thousand), no proof is tried: that
 * open connections are decided again costs less than to look for one.
 */
const mostStepsCompared = 256;

/** What was found out about two lists: endpoints of many chains have the same, and change from one to the other. */
const compared = new WeakMap<PartList, WeakMap<PartList, boolean>>();

function orderedAtLeast(after: PartList, before: PartList): boolean {
  if (after.name === before.name) return true;
  let answers = compared.get(after);
  if (answers === undefined) compared.set(after, (answers = new WeakMap()));
  let answer = answers.get(before);
  if (answer === undefined) answers.set(before, (answer = isMadeHarmlessly(after, before)));
  return answer;
}

/**
 * Whether an ordered tier can be made of another by steps none of which denies anything, whatever follows the tier: a
 * deny goes, an accept comes, an action gives way to a better one, neighbours of one action change places; what is
 * caught whole before it is reached goes.
 */
function isMadeHarmlessly(after: PartList, before: PartList): boolean {
  const changed = changedSteps(after.parts, before.parts);
  if (changed === null) return false;
  const [now, was] = changed;
  const kept = new Set(now.map(({ match }) => match));
  const caught = new Set<string | undefined>();
  let at = 0;
  for (const { action, match } of was) {
    if (caught.has(match)) continue;
    // An accept that came is passed over; but not for a deny that went, which may itself stand further on.
    if (action !== "deny" || kept.has(match))
      while (now[at]?.action === "accept" && now[at]?.match !== match) caught.add(now[at++]?.match);
    const next = now[at];
    if (next?.match === match && rank[next.action] >= rank[action]) caught.add(now[at++]?.match);
    else if (action !== "deny") return false;
  }
  return now.slice(at).every(({ action }) => action === "accept");
}

/** The clauses of two lists without the parts that both begin and end with; null: too many. */
function changedSteps(
  after: readonly Part[],
  before: readonly Part[],
): readonly [readonly Step[], readonly Step[]] | null {
  const shorter = Math.min(after.length, before.length);
  let head = 0;
  while (head < shorter && after[head]?.digest === before[head]?.digest) head++;
  let tail = 0;
  while (tail < shorter - head && after.at(-1 - tail)?.digest === before.at(-1 - tail)?.digest) tail++;
  const changed = (parts: readonly Part[]): readonly Part[] => parts.slice(head, parts.length - tail);
  const count = (parts: readonly Part[]): number =>
    changed(parts).reduce((sum, { clauses }) => sum + clauses.length, 0);
  if (count(after) + count(before) > mostStepsCompared) return null;
  const steps = (parts: readonly Part[]): readonly Step[] => inOneOrder(changed(parts));
  return [steps(after), steps(before)];
}

/** Among neighbours of one action the order means nothing: each is put in the same, without doubles. */
function inOneOrder(parts: readonly Part[]): readonly Step[] {
  const steps = parts.flatMap((part) =>
    part.clauses.map(({ action }, index) => ({ action, match: part.matchKeys[index] ?? "" })),
  );
  const ordered: Step[] = [];
  for (let from = 0; from < steps.length;) {
    const { action } = steps[from]!;
    const end = steps.findIndex((step, index) => index > from && step.action !== action);
    const run = steps.slice(from, end < 0 ? undefined : end).map(({ match }) => match);
    for (const match of [...new Set(run)].sort()) ordered.push({ action, match });
    from = end < 0 ? steps.length : end;
  }
  return ordered;
}
