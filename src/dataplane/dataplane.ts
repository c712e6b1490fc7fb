import type { DomainSetName, Ruleset } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { Direction, PolicyId } from "../policy/policy.ts";
import type { RulesetChange } from "../ir/change.ts";
import type { FeatureId } from "./features.ts";

/**
 * A way into the kernel. One value programs one network namespace. All methods but `render` may reject with
 * `DataplaneError`; after a rejection the kernel holds what it held before the step that failed (each step is one
 * transaction), the mirror is void, and the next `sync` reads the kernel anew.
 */
export interface Dataplane {
  readonly name: string;
  /** Version of how what it keeps in the kernel is built; absent: it has none. */
  readonly layout?: number;
  /** What this kernel can do; errors name what is missing and what to load. */
  probe(): Promise<Capabilities>;
  /** The whole program as text, exactly what would be loaded into an empty kernel. Pure: needs no kernel. */
  render(ruleset: Ruleset): string;
  /**
   * Brings the kernel to this Ruleset, from whatever it holds (nothing, an older state of ours, a damaged one),
   * changing only what differs. Closed and lossless between any two transactions.
   */
  sync(ruleset: Ruleset): Promise<SyncReport>;
  /** Applies one change to what the last `sync`/`apply` left, at a cost of the size of the change. */
  apply(change: RulesetChange): Promise<ApplyReport>;
  /** Compares the kernel with the mirror and repairs what differs. */
  check(): Promise<SyncReport>;
  /** Calls back when somebody else changed our part of the kernel. Returns how to stop watching. */
  watch(onForeignChange: () => void): () => void;
  /** What was learned of domain names; absent: this dataplane cannot match names. */
  readonly names?: NameSets;
  /** Packets and bytes by counter. */
  counters(): Promise<readonly PolicyCounter[]>;
  /** Whether anything of ours is in the kernel, of whatever version or state. */
  present(): Promise<boolean>;
  /** Takes everything of ours out of the kernel; says what. */
  remove(): Promise<readonly string[]>;
  /** Closes sockets; leaves the kernel as it is. */
  close(): void;
}

/** The members of domain sets. The kernel keeps them, with their time-outs, whatever becomes of the agent. */
export interface NameSets {
  /**
   * Adds addresses to domain sets of the last Ruleset, or sets their time-outs anew; one transaction. Resolves when the
   * next connection meets them. Sets that are not there any more are left out. Costs the addresses. Waits for no other
   * method, and may be called at any time; rejects where a set has no room, with all else learned.
   */
  learn(entries: readonly LearnedName[]): Promise<void>;
  /** What the kernel holds now, of the sets of the last Ruleset. Needs a `sync` that succeeded, as `decideAnew` does. */
  held(): Promise<readonly LearnedName[]>;
  /** Has open connections decided again: addresses whose grace is over lose theirs. */
  decideAnew(): Promise<void>;
}

export interface LearnedName {
  readonly set: DomainSetName;
  readonly address: Address;
  /** So long new connections may begin; 0: none any more. */
  readonly seconds: number;
  /** So long (at least `seconds`) connections that are open go on. */
  readonly graceSeconds: number;
}

export interface Capabilities {
  readonly dataplane: string;
  readonly kernel: string;
  readonly missing: readonly { readonly feature: string; readonly effect: string; readonly remedy: string }[];
}

export interface SyncReport {
  /** Human-readable, one line for each thing that was found different; empty: nothing was to do. */
  readonly differences: readonly string[];
  readonly transactions: number;
  readonly milliseconds: number;
}

export interface ApplyReport {
  readonly transactions: number;
  readonly milliseconds: number;
}

/** What became of the packets that a counter counts. In audit: what would have become of them. */
export type CountedVerdict = "accept" | "deny" | "pass" | "audit-accept" | "audit-deny";

export interface PolicyCounter {
  /** The policy and rule, or the name of a drop counter. */
  readonly name: string;
  readonly verdict: CountedVerdict;
  /** Whose policies decided: those of the client (egress) or of the backend (ingress); null: nobody's. */
  readonly direction: Direction | null;
  /** In audit: the policies in audit that have a say there. Which of them made the difference, nobody counts. */
  readonly policies?: readonly PolicyId[];
  readonly packets: bigint;
  readonly bytes: bigint;
}

/**
 * What this dataplane cannot express, as its registration declares, or this kernel cannot do, as `probe` says. The
 * contract suite turns it into a declared skip, and fails where neither says it.
 */
export class UnsupportedError extends Error {
  readonly feature: FeatureId;
  readonly reason: string;
  /** The policies that ask for it, as far as they are known. */
  readonly policies: readonly PolicyId[];
  constructor(feature: FeatureId, reason: string, policies: readonly PolicyId[] = []) {
    super(`${feature}: ${reason}`);
    this.name = "UnsupportedError";
    this.feature = feature;
    this.reason = reason;
    this.policies = policies;
  }
}

/** The kernel refused or could not be asked. `detail` keeps the evidence (errno, extended ack, the message). */
export class DataplaneError extends Error {
  readonly detail: string;
  constructor(message: string, detail: string) {
    super(message);
    this.name = "DataplaneError";
    this.detail = detail;
  }
}
