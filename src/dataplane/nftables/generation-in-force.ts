import { generationOf, hexMark, type MarkLayout, stampOf } from "./generation.ts";
import type { Program } from "./program.ts";
import { generationChainName, generationSetName } from "./render/base-chains.ts";

/**
 * The generation that the kernel's table accepts and stamps, read back at a restart so that accepted connections go on
 * unseen. Null where the table says none, more than one, or one and stamps another: then all is decided again.
 */
export function generationInForce(have: Program, layout: MarkLayout): number | null {
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
