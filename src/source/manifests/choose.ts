import { isDeepStrictEqual } from "node:util";
import type { ObjectKey } from "../../kube/objects.ts";
import type { Finding } from "../source.ts";
import type { Entry } from "./entries.ts";
import { printable } from "../../observe/printable.ts";

export interface Choice {
  /** One entry for each object, in the order in which the objects were first met. */
  readonly entries: ReadonlyMap<ObjectKey, Entry>;
  /** One for each object that is there more than once, and not the same. */
  readonly findings: readonly Finding[];
}

function placeText(entry: Entry): string {
  return `${entry.position.file}:${entry.position.line}:${entry.position.column}`;
}

/**
 * Picks one of the entries that claim to be the same object: the last that can be read, in order of files and
 * documents, as it would be after `kubectl apply` of all of them. Equal copies are no finding.
 */
export function chooseEntries(entries: Iterable<Entry>): Choice {
  const chosen = new Map<ObjectKey, Entry>();
  const findings: Finding[] = [];
  for (const entry of entries) {
    const before = chosen.get(entry.key);
    if (before === undefined) chosen.set(entry.key, entry);
    else if (!isDeepStrictEqual(before.value, entry.value)) {
      const winner = entry.value === null ? before : entry;
      chosen.set(entry.key, winner);
      const message = `defined more than once: ${placeText(before)} and ${placeText(entry)}; ${placeText(winner)} counts`;
      findings.push({ position: entry.position, object: printable(entry.key, 400), message });
    }
  }
  return { entries: chosen, findings };
}
