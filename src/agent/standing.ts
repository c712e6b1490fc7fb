import type { Finding } from "../source/source.ts";
import { placeOf } from "./findings.ts";

/** What is in force, and whether that is what should be. */
export interface Standing {
  readonly ready: boolean;
  /** Digest of the input that is in force in the kernel; null: none since the agent started. */
  readonly digest: string | null;
  /** Why it is not ready. */
  readonly reason: string | null;
}

/** What readiness follows from. */
export interface Facts {
  /** True once a snapshot was read. */
  readonly known: boolean;
  /** False while some input cannot be read at all (semantics, 9). */
  readonly complete: boolean;
  readonly findings: readonly Finding[];
  /** Digest of the input that was enforced last. */
  readonly enforced: string | null;
  /** Why changes cannot be brought into the kernel; null: they can. */
  readonly failure: string | null;
  readonly stopping: boolean;
  /** Why nothing is done to the kernel; null: something is, or nobody needs to know. */
  readonly paused: string | null;
}

function reasonOf(facts: Facts): string | null {
  if (facts.paused !== null) return facts.paused;
  if (facts.stopping) return "the agent is stopping; the rules stay in force";
  if (!facts.known) return "the source has not been read yet; the rules that are in the kernel stay in force";
  if (facts.failure !== null) return `changes are not enforced: ${facts.failure}; the rules of before stay in force`;
  if (!facts.complete) {
    const first = facts.findings[0];
    const what = first === undefined ? "" : `: ${placeOf(first) ?? first.object}: ${first.message}`;
    return `some input cannot be read${what}; what was in force stays in force`;
  }
  return facts.enforced === null ? "the first synchronisation is not done yet" : null;
}

export function standingOf(facts: Facts): Standing {
  const reason = reasonOf(facts);
  return { ready: reason === null, digest: facts.enforced, reason };
}
