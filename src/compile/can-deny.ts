import type { ChainParts } from "./chain.ts";
import type { Part } from "./lower.ts";

/**
 * Whether a direction that was decided by one chain accepts, decided by another, all that it accepted before;
 * given that groups and pair sets lost no members. False where that is not certain. Null accepts all.
 */
export function acceptsAtLeast(after: ChainParts | null, before: ChainParts | null): boolean {
  if (after === null) return true;
  if (before === null || !sameParts(after.admin, before.admin)) return false;
  if (before.networkPolicy !== null && after.networkPolicy !== null) {
    return accepted(after.networkPolicy, before.networkPolicy);
  }
  // Pods that are isolated no longer may meet a Deny of the baseline.
  if (before.networkPolicy !== null) return after.baseline.length === 0 && after.fallback === "accept";
  // Pods that become isolated accept less than before; where they accepted nothing, as much. Their fallback is deny.
  const fallbackHolds = after.fallback === "accept" || before.fallback === "deny";
  return fallbackHolds && sameParts(after.baseline, before.baseline);
}

/** Whether the union of what `after` allows holds every match that `before` allows. */
function accepted(after: readonly Part[], before: readonly Part[]): boolean {
  const kept = new Set(after.map((part) => part.digest));
  const lost = before.filter((part) => !kept.has(part.digest));
  if (lost.length === 0) return true;
  const old = new Set(before.map((part) => part.digest));
  const gained = new Set(after.filter((part) => !old.has(part.digest)).flatMap((part) => part.matchKeys));
  return lost.every((part) => part.matchKeys.every((key) => gained.has(key)));
}

function sameParts(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every((part, index) => part.digest === b[index]?.digest);
}
