import type { Compiler } from "../compile/incremental.ts";
import type { RulesetChange } from "../ir/change.ts";
import type { Ruleset } from "../ir/ruleset.ts";
import type { Address } from "../net/address.ts";
import type { Log } from "../observe/log.ts";
import type { Change } from "../policy/cluster.ts";
import type { Finding, Snapshot, Update } from "../source/source.ts";
import { auditChanges, auditCluster } from "./audit.ts";
import { createFindingsReport } from "./findings.ts";
import type { Learned } from "./learned.ts";
import { type Arrival, type Batch, createInbox } from "./inbox.ts";

/** What a look into the inbox gave. */
export type News =
  | { readonly kind: "nothing" }
  /** A fresh start: what was known before says nothing about it. */
  | { readonly kind: "whole" }
  /** `objects` names some of what changed, for the log. */
  | { readonly kind: "change"; readonly change: RulesetChange; readonly objects: readonly string[] };

/** What should be in the kernel, as far as the source has told. */
export interface Desired {
  load(snapshot: Snapshot, arrival: Arrival): void;
  update(update: Update, arrival: Arrival): void;
  /** Compiles what came since the last call, or forgets addresses that are to be forgotten. Throws only on a defect; then it knows nothing until the next `load`. */
  compile(): News;
  /** Milliseconds until there are addresses to be forgotten. */
  forgetsIn(): number;
  /** Null while nothing may be enforced: nothing is known, or some input cannot be read (semantics, 9). */
  enforceable(): Ruleset | null;
  /** Null: nothing is known. */
  ruleset(): Ruleset | null;
  /** How many objects count, by kind. */
  counts(): Readonly<Record<string, number>>;
  /** `namespace/name` of the live pod that holds the address, on whatever node. */
  podAt(address: Address): string | null;
  /** About the input that `compile` saw last. */
  readonly digest: () => string | null;
  readonly complete: () => boolean;
  readonly findings: () => readonly Finding[];
  /** When the updates came that were compiled since the last call. */
  takeArrivals(): readonly Arrival[];
  /** Of what `takeArrivals` has not given yet, compiled or not; null: nothing waits. */
  oldest(): Arrival | null;
}

export interface DesiredParts {
  readonly createCompiler: () => Compiler;
  /** What the compilers learned; absent: they do not. */
  readonly learned?: Learned;
  readonly audit: boolean;
  readonly log: Log;
  readonly countFindings: (count: number) => void;
}

/** So many changes of a batch are named when the kernel refuses it. */
const namedObjects = 5;
/** While the kernel refuses, the times of at most so many updates are kept. */
const mostArrivals = 10_000;

const nothingNew: Pick<Batch, "cluster" | "changes"> = { cluster: null, changes: [] };

const nameOf = (change: Change): string => {
  if (change.kind === "gone") return `${change.key} (gone)`;
  if (change.kind === "policy") return change.policy.id;
  const { object } = change;
  return "namespace" in object ? `${object.kind}/${object.namespace}/${object.name}` : `${object.kind}/${object.name}`;
};

export function createDesired(parts: DesiredParts): Desired {
  const { log } = parts;
  const inbox = createInbox();
  const findingsReport = createFindingsReport(log);
  let compiler: Compiler | null = null;
  /** True from a snapshot with unreadable input until everything is readable. */
  let held = true;
  let toldHeld = false;
  let latest: Pick<Batch, "digest" | "complete" | "findings"> | null = null;
  let arrivals: Arrival[] = [];

  const note = (batch: Batch) => {
    held = (held || batch.cluster !== null) && !batch.complete;
    latest = { digest: batch.digest, complete: batch.complete, findings: batch.findings };
    arrivals.push(...batch.arrivals.slice(0, mostArrivals - arrivals.length));
    parts.countFindings(findingsReport.report(batch.findings));
    // Once: a cluster goes on changing while it is not enforced.
    if (held && !toldHeld) {
      log.error(
        "nothing is enforced yet, since some input cannot be read: the rules that are in the kernel stay in force",
        {
          do: "correct what was named before (a file, a missing right); enforcement begins by itself",
        },
      );
    }
    toldHeld = held;
  };

  const compileBatch = (batch: Pick<Batch, "cluster" | "changes">): News => {
    if (batch.cluster !== null) {
      compiler = parts.createCompiler();
      compiler.load(parts.audit ? auditCluster(batch.cluster) : batch.cluster);
      parts.learned?.follow(compiler.learned());
    }
    if (compiler === null) return { kind: "nothing" };
    const whole = batch.cluster !== null;
    const over = parts.learned?.over() ?? [];
    if (batch.changes.length === 0 && over.length === 0) return { kind: whole ? "whole" : "nothing" };
    const change = compiler.apply(parts.audit ? auditChanges(batch.changes) : batch.changes, over);
    if (over.length > 0 || change.endpoints.length + change.goneEndpoints.length > 0)
      parts.learned?.follow(compiler.learned());
    return whole
      ? { kind: "whole" }
      : { kind: "change", change, objects: batch.changes.slice(0, namedObjects).map(nameOf) };
  };

  return {
    load: (snapshot, arrival) => inbox.restart(snapshot, arrival),
    update: (update, arrival) => inbox.add(update, arrival),
    oldest: () => arrivals[0] ?? inbox.oldest(),
    compile: () => {
      const batch = inbox.take();
      const { cluster, changes } = batch ?? nothingNew;
      if (batch !== null) note(batch);
      try {
        return compileBatch({ cluster, changes });
      } catch (error) {
        compiler = null;
        throw new Error(
          `compiling failed at ${changes.slice(0, namedObjects).map(nameOf).join(", ") || "a snapshot"}`,
          {
            cause: error,
          },
        );
      }
    },
    forgetsIn: () => (compiler === null ? Infinity : (parts.learned?.overIn() ?? Infinity)),
    enforceable: () => (held ? null : (compiler?.ruleset() ?? null)),
    ruleset: () => compiler?.ruleset() ?? null,
    counts: () => compiler?.counts() ?? {},
    podAt: (address) => compiler?.podAt(address) ?? null,
    digest: () => latest?.digest ?? null,
    complete: () => latest?.complete ?? false,
    findings: () => latest?.findings ?? [],
    takeArrivals: () => {
      const taken = arrivals;
      arrivals = [];
      return taken;
    },
  };
}
