import type { LearnedAddress } from "../../names/learner.ts";
import type { NameTable } from "../../names/subjects.ts";

/** What the thread is started with. */
export interface ThreadOptions {
  readonly netns: string | null;
  readonly queue: number;
  /** Seconds. */
  readonly minTtl: number;
  readonly maxTtl: number;
  readonly grace: number;
  /** What wakes it. */
  readonly bell: number;
  /** One number: the descriptor of the queue, while it has one; -1: none. */
  readonly descriptor: SharedArrayBuffer;
  /** Where it counts (`tallies.ts`). */
  readonly counts: SharedArrayBuffer;
}

/** What the thread that reads packets is told. */
export type ToThread =
  | { readonly kind: "follow"; readonly table: NameTable }
  /** A batch is in the kernel, or was refused. */
  | { readonly kind: "completed"; readonly number: number; readonly taken: boolean }
  /** What the kernel holds. */
  | { readonly kind: "adopt"; readonly entries: readonly LearnedAddress[] }
  | { readonly kind: "stop" };

/** What it tells. */
export type FromThread =
  /** It has the queue. */
  | { readonly kind: "listening" }
  /** It cannot have it, or could not go on reading; it has ended. `code` is errno's name. */
  | { readonly kind: "ended"; readonly message: string; readonly code: string }
  | { readonly kind: "learn"; readonly number: number; readonly entries: readonly LearnedAddress[] }
  /** Open connections are to be decided again: the grace of addresses is over. */
  | { readonly kind: "grace-over" }
  /** Something was not learned since there is too much of it. Told once for each pod and limit, and again after an hour. */
  | { readonly kind: "over"; readonly limit: string; readonly pod: string; readonly name: string };
