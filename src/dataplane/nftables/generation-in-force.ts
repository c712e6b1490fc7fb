import { generationOf, hexMark, isMarkMask, type MarkLayout, stampOf } from "./generation.ts";
import { isHalfWay, lastingName } from "./hand-over.ts";
import type { Program } from "./program.ts";
import { generationChainName } from "./render/base-chains.ts";
import { generationSetName } from "./render/base-sets.ts";

/**
 * The generation that the kernel's table accepts and stamps, read back at a restart so that accepted connections go on
 * unseen. Null where the table says none, more than one, or one and stamps another: then all is decided again.
 */
export function generationInForce(have: Program, layout: MarkLayout): number | null {
  // Half of a hand-over: which of the two are accepted and stamped depends on where it ended.
  if (isHalfWay(have)) return null;
  const marks = [...(have.sets.get(generationSetName)?.elements.keys() ?? [])];
  const statement = have.chains.get(generationChainName)?.rules[0]?.statements[0];
  const mark = marks[0];
  if (marks.length !== 1 || mark === undefined || statement?.kind !== "set-ct-mark") return null;
  const generation = generationOf(layout, Number.parseInt(mark, 16));
  if (generation === null || hexMark(stampOf(layout, generation)) !== mark) return null;
  return statement.keep === ~layout.generationMask >>> 0 && statement.value === stampOf(layout, generation)
    ? generation
    : null;
}

/**
 * The bits of the connection mark that whoever made the kernel's table took for its own: what `cut` clears. Null where
 * the table does not say. A cleanup that took its own default for them would clear bits that belong to others.
 */
export function markMaskInForce(have: Program): number | null {
  const cut = [...have.chains.values()].find(({ name }) => lastingName(name) === "cut");
  const statement = cut?.rules[0]?.statements[0];
  if (statement?.kind !== "set-ct-mark" || statement.value !== 0) return null;
  const mask = ~statement.keep >>> 0;
  return isMarkMask(mask) ? mask : null;
}
