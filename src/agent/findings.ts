import type { Log } from "../observe/log.ts";
import type { Finding } from "../source/source.ts";

/** At most this many findings of one update are logged one by one; the rest is a number. */
const mostLines = 50;

/** `file:line:column`, or undefined where nobody knows. */
export function placeOf(finding: Finding): string | undefined {
  const { position } = finding;
  return position === null ? undefined : `${position.file}:${position.line}:${position.column}`;
}

const keyOf = (finding: Finding): string => JSON.stringify([placeOf(finding), finding.object, finding.message]);

/**
 * Tells about findings once: when they appear and when they are gone. `report` takes all that hold now and says
 * how many those are.
 */
export function createFindingsReport(log: Log): { report(findings: readonly Finding[]): number } {
  let known = new Map<string, Finding>();
  let latest: readonly Finding[] | null = null;
  return {
    report: (findings) => {
      // Sources hand over the same list while nothing in it changes: thousands of findings cost an update nothing.
      if (findings === latest) return known.size;
      latest = findings;
      const now = new Map(findings.map((finding) => [keyOf(finding), finding]));
      const fresh = [...now].filter(([key]) => !known.has(key));
      for (const [, finding] of fresh.slice(0, mostLines)) {
        log.warn(`input is not valid: ${finding.message}`, {
          object: finding.object,
          at: placeOf(finding),
          traffic: "the last valid version stays in force; where there is none, what cannot be read allows nothing",
          do: "correct the object; nothing else is affected by it",
        });
      }
      if (fresh.length > mostLines) log.warn(`input is not valid: ${fresh.length - mostLines} more findings`);
      const solved = [...known].filter(([key]) => !now.has(key));
      for (const [, finding] of solved.slice(0, mostLines)) {
        log.info("input that was not valid is corrected or gone", { object: finding.object, at: placeOf(finding) });
      }
      known = now;
      return now.size;
    },
  };
}
